/** Every example and the README's steps, run as a customer would run them, against a real server. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Rushes } from '@rushes/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CLI_BIN,
  exitCode,
  operate,
  ROOT,
  startServer,
  type LocalAccount,
  type LocalServer,
} from '../scripts/local-server.ts';

const SETTINGS = {
  RUSHES_LOG_LEVEL: 'error',
  RUSHES_WEBHOOK_ALLOW_CIDRS: '127.0.0.0/8',
  RUSHES_SIMULATOR_LATENCY_MS: '50-300',
  RUSHES_UNKNOWN_WAIT_MS: '500',
};
const EXIT_PARTIAL = 68;
const TIMEOUT_MS = 120_000;

interface Run {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

describe('what a newcomer copies', { timeout: TIMEOUT_MS }, () => {
  let folder: string;
  let server: LocalServer;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'rushes-examples-'));
    server = await startServer(path.join(folder, 'data'), 0, SETTINGS);
  }, TIMEOUT_MS);
  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function account(): Promise<LocalAccount> {
    const flags = ['--name', 'Example', '--plan', 'growth', '--mode', 'test', '--credits', '10000', '--json'];
    return JSON.parse(
      await operate(['account', 'create', ...flags], path.join(folder, 'data'), SETTINGS),
    ) as LocalAccount;
  }

  function environment({ api_key }: LocalAccount): NodeJS.ProcessEnv {
    const { CI: _, ...kept } = process.env;
    return { ...kept, RUSHES_API_KEY: api_key, RUSHES_BASE_URL: server.url, NO_COLOR: '1' };
  }

  async function run(command: string, words: readonly string[], env: NodeJS.ProcessEnv): Promise<Run> {
    const child = spawn(command, words, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    return { code: await exitCode(child), out, err };
  }

  const example = (name: string): string => path.join(ROOT, 'examples', name);

  it('quickstart.ts makes videos, and a second run finds them instead of paying again', async () => {
    const customer = await account();
    const first = await run(process.execPath, [example('quickstart.ts')], environment(customer));
    expect(first).toMatchObject({ code: 0, err: '' });
    expect(first.out).toContain('20 videos cost 980 credits; 10000 are available.');
    expect(first.out).toContain('partial: charged 882, refunded 49, forfeited 49');
    expect(first.out).toContain('18 videos fetched, 0 were there');
    const second = await run(process.execPath, [example('quickstart.ts')], environment(customer));
    expect(second.code).toBe(0);
    expect(second.out).toContain('0 videos fetched, 18 were there');
    expect(await new Rushes({ apiKey: customer.api_key, baseUrl: server.url }).credits.retrieve()).toMatchObject({
      available: 10_000 - 882 - 49,
      reserved: 0,
      spent: 882 + 49,
    });
  });

  it('webhook-receiver.ts verifies and prints what the server sends', async () => {
    const customer = await account();
    const rushes = new Rushes({ apiKey: customer.api_key, baseUrl: server.url });
    const port = await freePort();
    const endpoint = await rushes.webhookEndpoints.create({ url: `http://127.0.0.1:${port}/` });
    const receiver = spawn(process.execPath, [example('webhook-receiver.ts')], {
      env: { ...process.env, RUSHES_WEBHOOK_SECRET: endpoint.secret ?? '', PORT: String(port) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let printed = '';
    const listening = new Promise<void>((resolve) => receiver.stdout.once('data', () => resolve()));
    const done = new Promise<void>((resolve) => {
      receiver.stdout.on('data', (chunk: Buffer) => {
        printed += chunk.toString();
        if (printed.split('\n').filter((line) => /^(batch|task)\./.test(line)).length === 12) resolve();
      });
    });
    await listening;
    const items = Array.from({ length: 10 }, (_, at) => ({ prompt: `a paper crane unfolds, take ${at}` }));
    await rushes.batches.wait((await rushes.batches.create({ model: 'sora-2', items })).id);
    await done;
    receiver.kill('SIGTERM');
    await exitCode(receiver);
    expect(printed).toMatch(/^batch\.completed evt_/m);
    expect(printed.match(/^task\.succeeded evt_/gm)).toHaveLength(10);
  });

  it('the command line estimates, submits, waits, downloads and finds the same batch again', async () => {
    const env = environment(await account());
    const csv = example('prompts/demo-60.csv');
    const rushes = (...words: string[]): Promise<Run> => run(process.execPath, [CLI_BIN, ...words], env);

    const estimate = await rushes('estimate', csv, '--model', 'sora-2', '--json');
    expect(JSON.parse(estimate.out)).toMatchObject({ count: 60, unit_price: 49, total: 2_940, affordable: true });

    const submitted = await rushes(
      'submit',
      csv,
      '--model',
      'sora-2',
      '--yes',
      '--wait',
      '--download',
      'cli-videos',
      '--json',
    );
    expect(submitted.code).toBe(EXIT_PARTIAL);
    const files = readdirSync(path.join(folder, 'cli-videos'));
    const manifest = readFileSync(path.join(folder, 'cli-videos', 'manifest.csv'), 'utf8')
      .trim()
      .split('\n');
    expect(manifest).toHaveLength(61);
    expect(files.filter((name) => name.endsWith('.mp4'))).toHaveLength(53);

    const again = await rushes('submit', csv, '--model', 'sora-2', '--yes', '--json');
    expect(again.code).toBe(EXIT_PARTIAL);
    const credits = JSON.parse((await rushes('credits', '--json')).out) as Record<string, number>;
    expect(credits).toMatchObject({ available: 10_000 - 53 * 49 - 2 * 49, reserved: 0 });

    // A grant, the reservation and one entry for each prompt, once they are sealed.
    const { ledger } = new Rushes({ apiKey: env['RUSHES_API_KEY'] ?? '', baseUrl: server.url });
    await expect.poll(async () => (await ledger.checkpoint()).split('\n')[1], { timeout: 30_000 }).toBe('62');
    const exported = await rushes('ledger', 'export', '--format', 'csv', '-o', 'ledger.csv');
    expect(exported.code).toBe(0);
    const verified = await rushes('ledger', 'verify', 'ledger.csv', '--json');
    expect(JSON.parse(verified.out)).toMatchObject({ valid: true, size: 62, batches: { closed: 1, open: 0 } });
  });

  it('a batch that paused for too many failures says so and goes on when it is told to', async () => {
    const customer = await account();
    const rushes = new Rushes({ apiKey: customer.api_key, baseUrl: server.url });
    const items = Array.from({ length: 150 }, (_, at) => ({
      prompt: `a kite over the dunes, take ${at}${at < 75 ? ' [sim:moderate_output]' : ''}`,
    }));
    const { id } = await rushes.batches.create({ model: 'sora-2', items, max_failure_rate: 0.1 });
    const cli = (...words: string[]): Promise<Run> => run(process.execPath, [CLI_BIN, ...words], environment(customer));

    expect((await cli('watch', id, '--json')).code).toBe(69);
    const paused = await rushes.batches.retrieve(id);
    expect(paused).toMatchObject({ status: 'processing', paused: true });
    expect(paused.counts.queued).toBeGreaterThan(0);
    const resumed = await cli('resume', id, '--json');
    expect(JSON.parse(resumed.out)).toMatchObject({ id, paused: false });
    // More of it may fail before the good ones begin: each pause is a new decision.
    let batch = await rushes.batches.retrieve(id);
    while (batch.finished_at === null) {
      if (batch.paused) await rushes.batches.resume(id);
      batch = await rushes.batches.retrieve(id);
    }
    expect(batch).toMatchObject({
      status: 'partial',
      counts: { succeeded: 75, failed: 75 },
      failure_summary: { moderation_output: 75 },
    });
  });

  it('the curl steps of the README work as printed', async () => {
    const env = environment(await account());
    const readme = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
    const block = /### With curl\n\n```sh\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
    const script = block
      .replaceAll('http://127.0.0.1:4600', server.url)
      .replaceAll(/@(examples\/\S+)/g, `"@${ROOT}$1"`);
    const answers = await run('bash', ['-e', '-c', script.replaceAll('\n\n', '\necho\n')], env);
    const [credits, batch, ledger] = answers.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(credits).toMatchObject({ available: 10_000 });
    expect(batch).toMatchObject({ model: 'sora-2', request_id: 'readme-1', counts: { total: 20 } });
    expect((ledger?.['data'] as unknown[]).length).toBeGreaterThanOrEqual(2);
  });
});

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
