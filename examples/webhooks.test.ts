/** Receivers in four frameworks and languages, and the command line, against a real server. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Rushes } from '@rushes/sdk';
import { signForTest } from '@rushes/sdk/webhooks';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { CLI_BIN, exitCode, operate, ROOT, startServer, type LocalServer } from '../scripts/local-server.ts';

const SETTINGS = {
  RUSHES_LOG_LEVEL: 'error',
  RUSHES_WEBHOOK_ALLOW_CIDRS: '127.0.0.0/8',
  RUSHES_SIMULATOR_LATENCY_MS: '50-300',
};
const TIMEOUT_MS = 120_000;

interface Program {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  out: string;
  err: string;
}

describe('webhooks from end to end', { timeout: TIMEOUT_MS }, () => {
  let folder: string;
  let server: LocalServer;

  const start = async (port = 0): Promise<void> => {
    server = await startServer(path.join(folder, 'data'), port, SETTINGS);
  };

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'rushes-webhooks-'));
    await start();
  }, TIMEOUT_MS);
  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function customer(): Promise<{ rushes: Rushes; env: NodeJS.ProcessEnv }> {
    const flags = ['--name', 'Example', '--plan', 'growth', '--mode', 'test', '--credits', '10000', '--json'];
    const text = await operate(['account', 'create', ...flags], path.join(folder, 'data'), SETTINGS);
    const { api_key: apiKey } = JSON.parse(text) as { api_key: string };
    const env = { ...process.env, RUSHES_API_KEY: apiKey, RUSHES_BASE_URL: server.url, NO_COLOR: '1', CI: '' };
    return { rushes: new Rushes({ apiKey, baseUrl: server.url }), env };
  }

  function program(command: string, words: readonly string[], env: NodeJS.ProcessEnv): Program {
    const child = spawn(command, words, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const running: Program = { child, ended: exitCode(child), out: '', err: '' };
    child.stdout.on('data', (chunk: Buffer) => (running.out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (running.err += chunk.toString()));
    onTestFinished(() => void child.kill('SIGKILL'));
    return running;
  }

  const cli = (env: NodeJS.ProcessEnv, ...words: string[]): Program =>
    program(process.execPath, [CLI_BIN, ...words], env);

  async function json(running: Program): Promise<Record<string, unknown>> {
    expect({ code: await running.ended, err: running.err }).toMatchObject({ code: 0 });
    return JSON.parse(running.out) as Record<string, unknown>;
  }

  const poll = <T>(look: () => T | Promise<T>) => expect.poll(look, { timeout: 60_000, interval: 50 });

  const example = (name: string): string => path.join(ROOT, 'examples', name);

  const makeBatch = async (rushes: Rushes, count = 10): Promise<void> => {
    const items = Array.from({ length: count }, (_, at) => ({ prompt: `a paper crane unfolds, take ${at}` }));
    await rushes.batches.wait((await rushes.batches.create({ model: 'sora-2', items })).id);
  };

  it.each([
    ['Express', process.execPath, 'webhooks-express.ts'],
    ['Fastify', process.execPath, 'webhooks-fastify.ts'],
    ['Hono', process.execPath, 'webhooks-hono.ts'],
    ['Python', 'python3', 'webhooks_python.py'],
  ])(
    'the receiver in %s takes what the server sends, before and after a rotation, and nothing else',
    async (_, command, name) => {
      const { rushes } = await customer();
      const port = await freePort();
      const url = `http://127.0.0.1:${port}/hooks/rushes`;
      const endpoint = await rushes.webhookEndpoints.create({ url });
      const env = { ...process.env, RUSHES_WEBHOOK_SECRET: endpoint.secret ?? '', PORT: String(port) };
      const receiver = program(command, [example(name)], env);
      await poll(() => receiver.out).toContain('listening on');
      await makeBatch(rushes);
      const lines = (pattern: RegExp): number => receiver.out.match(pattern)?.length ?? 0;
      await poll(() => lines(/^(batch|task)\.\w+ evt_\w+$/gm)).toBe(12);
      expect(lines(/^task\.succeeded evt_/gm)).toBe(10);

      await rushes.webhookEndpoints.rotateSecret(endpoint.id);
      const test = await rushes.webhookEndpoints.test(endpoint.id);
      await poll(() => receiver.out).toContain(`webhook.test ${test.id}`);

      const forged = await signForTest({ id: 'evt_x', type: 'webhook.test' }, `whsec_${'A'.repeat(43)}=`);
      const genuine = await signForTest({ id: 'evt_y', type: 'webhook.test' }, endpoint.secret ?? '');
      const post = async ({ body, headers }: typeof forged): Promise<number> =>
        (await fetch(url, { method: 'POST', body, headers })).status;
      expect([await post(forged), await post({ ...genuine, body: `${genuine.body} ` }), await post(genuine)]).toEqual([
        400, 400, 204,
      ]);
      const late = await signForTest({ id: 'evt_z', type: 'webhook.test' }, endpoint.secret ?? '', {
        timestamp: new Date(0),
      });
      expect(await post(late)).toBe(400);
      expect(await post({ body: 'x'.repeat(70_000), headers: genuine.headers })).toBe(413);
      expect(await post(genuine)).toBe(204);
      expect(lines(/evt_[xyz]$/gm)).toBe(1);
      const { data } = await rushes.webhookDeliveries.list({ state: 'delivered' });
      expect(data).toHaveLength(13);
      receiver.child.kill('SIGTERM');
      await receiver.ended;
    },
  );

  it('listen forwards every event over a restart of the server, and goes on where it ended', async () => {
    const { rushes, env } = await customer();
    const port = await freePort();
    const secret = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
    const receiver = program(process.execPath, [example('webhooks-express.ts')], {
      ...process.env,
      RUSHES_WEBHOOK_SECRET: secret,
      PORT: String(port),
    });
    const listener = cli(
      { ...env, RUSHES_WEBHOOK_SECRET: secret },
      ...['webhooks', 'listen', '--forward-to', `${port}/hooks/rushes`, '--from', 'beginning'],
    );
    await makeBatch(rushes);
    const { port: serverPort } = new URL(server.url);
    await server.stop();
    await poll(() => listener.err).toContain('Trying again in');
    await start(Number(serverPort));
    await makeBatch(rushes, 11);
    const listed: string[] = [];
    for await (const event of rushes.events.list()) listed.push(`${event.type} ${event.id}`);
    expect(listed).toHaveLength(25);
    const printed = (): string[] => receiver.out.split('\n').filter((line) => /^(batch|task)\./.test(line));
    await poll(() => printed().length).toBe(25);
    expect(printed()).toEqual(listed);
    listener.child.kill('SIGINT');
    expect(await listener.ended).toBe(130);
    expect(listener.err).toContain(`--forward-to ${port}/hooks/rushes --from 25`);
  });

  it('by the command line: create, trigger, break the receiver, see why, redeliver, rotate', async () => {
    const { env } = await customer();
    const port = await freePort();
    const secretFile = path.join(folder, 'secret');
    const url = `http://127.0.0.1:${port}/hooks/rushes`;
    const create = ['webhooks', 'endpoints', 'create', url, '--secret-file', secretFile, '--json'];
    const { id: endpoint } = (await json(cli(env, ...create))) as { id: string };
    const rushes = new Rushes({ apiKey: String(env['RUSHES_API_KEY']), baseUrl: server.url });

    // Nobody listens on the port: the attempt fails, and the log says why.
    const { event } = (await json(cli(env, 'webhooks', 'endpoints', 'test', endpoint, '--json'))) as {
      event: { id: string };
    };
    await poll(async () => (await rushes.webhookDeliveries.list({ event_id: event.id })).data[0]?.attempts.length).toBe(
      1,
    );
    const [delivery] = (await rushes.webhookDeliveries.list({ event_id: event.id })).data;
    const shown = cli(env, 'webhooks', 'deliveries', delivery?.id ?? '');
    expect(await shown.ended).toBe(0);
    expect(shown.out).toMatch(/attempt 1: .*refused/i);

    const start = (secrets: string): Program =>
      program(process.execPath, [example('webhooks-fastify.ts')], {
        ...process.env,
        RUSHES_WEBHOOK_SECRET: secrets,
        PORT: String(port),
      });
    const { readFileSync } = await import('node:fs');
    const oldSecret = readFileSync(secretFile, 'utf8').trim();
    const receiver = start(oldSecret);
    await poll(() => receiver.out).toContain('listening on');
    await json(cli(env, 'webhooks', 'redeliver', delivery?.id ?? '', '--json'));
    await poll(() => receiver.out).toContain(`webhook.test ${event.id}`);
    await poll(async () => (await rushes.webhookDeliveries.retrieve(delivery?.id ?? '')).state).toBe('delivered');

    const since = ['--endpoint', endpoint, '--since', '2020-01-01', '--state', 'delivered'];
    expect(await json(cli(env, 'webhooks', 'redeliver', ...since, '--json'))).toEqual({
      endpoint_id: endpoint,
      count: 1,
    });

    const rotated = cli(env, 'webhooks', 'endpoints', 'rotate-secret', endpoint, '--json');
    const { secret: newSecret } = (await json(rotated)) as { secret: string };
    const sent = cli(env, 'webhooks', 'trigger', 'webhook.test', '--endpoint', endpoint, '--json');
    const { event: second } = (await json(sent)) as { event: { id: string } };
    await poll(() => receiver.out).toContain(`webhook.test ${second.id}`);
    const local = cli({ ...env, RUSHES_WEBHOOK_SECRET: newSecret }, 'webhooks', 'trigger', 'batch.failed', '--to', url);
    expect(await local.ended).toBe(1);
    expect(local.out).toContain('400 in');
    receiver.child.kill('SIGTERM');
    await receiver.ended;
    const both = start(`${oldSecret} ${newSecret}`);
    await poll(() => both.out).toContain('listening on');
    const again = cli({ ...env, RUSHES_WEBHOOK_SECRET: newSecret }, 'webhooks', 'trigger', 'batch.failed', '--to', url);
    expect(await again.ended).toBe(0);
  });
});

async function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
