/** The package as a customer gets it: packed, unpacked into a project outside the workspace, and used from there. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { aBatch, API_KEY } from './fixtures.ts';
import { checkpoint, exportOf, render, SIGNER } from './ledger-export-reference.ts';
import { sampleLedger } from './ledger-reference.ts';
import { answer } from './scripted-server.ts';
import { sendVideo, serveVideos, withVideo } from './video-server.ts';

const run = promisify(execFile);
const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);

let consumer = '';
let installed = '';

beforeAll(async () => {
  consumer = await mkdtemp(join(tmpdir(), 'rushes-consumer-'));
  // Not in the package's own dist, which other tests may be reading at this moment.
  const staged = join(consumer, 'staged');
  await mkdir(staged);
  await run('npm', ['run', 'build', '--', '--out-dir', join(staged, 'dist')], { cwd: PACKAGE });
  for (const name of ['package.json', 'README.md', 'LICENSE']) await cp(join(PACKAGE, name), join(staged, name));
  await run('npm', ['pack', '--pack-destination', consumer, '--ignore-scripts'], { cwd: staged });
  const [tarball = ''] = (await readdir(consumer)).filter((name) => name.endsWith('.tgz'));
  installed = join(consumer, 'node_modules', '@rushes', 'sdk');
  await mkdir(installed, { recursive: true });
  await run('tar', ['-xzf', join(consumer, tarball), '-C', installed, '--strip-components=1']);
  const types = dirname(require.resolve('@types/node/package.json'));
  await mkdir(join(consumer, 'node_modules', '@types'), { recursive: true });
  await cp(types, join(consumer, 'node_modules', '@types', 'node'), { recursive: true });
  const undici = dirname(createRequire(join(types, 'package.json')).resolve('undici-types/package.json'));
  await symlink(undici, join(consumer, 'node_modules', 'undici-types'));
}, 120_000);

afterAll(() => rm(consumer, { recursive: true, force: true }));

/** Runs a file of the consumer's with the server's address as its argument; what it prints. */
async function node(name: string, source: string, address: string, flags: string[] = []): Promise<unknown> {
  const file = join(consumer, name);
  await writeFile(file, source);
  const env = { PATH: process.env['PATH'], RUSHES_API_KEY: API_KEY, RUSHES_BASE_URL: address };
  const { stdout } = await run(process.execPath, [...flags, file, consumer], { env });
  return JSON.parse(stdout);
}

const VIDEO = Buffer.from('a very short video');
const TASK = withVideo(4, VIDEO);

const serveAll = () =>
  serveVideos(
    (request, response) => sendVideo(request, response, VIDEO),
    (request, response) => {
      if (request.method === 'POST') answer(response, 201, aBatch());
      else answer(response, 404, { code: 'not_found', detail: 'gone', trace_id: 't' });
    },
  );

/** The same program for both module systems, below their imports. */
const PROGRAM = `
  const rushes = new Rushes();
  const batch = await rushes.batches.create({ model: 'sora-2', items: [] });
  const error = await rushes.batches.retrieve('bat_0').catch((caught) => caught);
  const folder = process.argv[2] + '/videos-' + kind + '/';
  const video = await rushes.videos.download(${JSON.stringify(TASK)}, folder);
  const wrong = { ...${JSON.stringify(TASK)}, custom_id: 'wrong', video: { bytes: 18, sha256: '0'.repeat(64), content_type: '' } };
  const downloadError = await downloadVideo(rushes, wrong, folder).catch((caught) => caught);
  const secret = 'whsec_' + 'AAAA'.repeat(11);
  const { body, headers } = await signForTest({ id: 'evt_1', type: 'webhook.test' }, secret);
  const event = await unwrap(body, headers, secret);
  const refused = await verify(body + ' ', headers, secret).catch((caught) => caught);
  console.log(JSON.stringify({
    id: batch.id,
    notFound: error instanceof NotFoundError && error instanceof RushesError,
    sha256: video.sha256,
    downloadError: downloadError instanceof DownloadError,
    event: event.type,
    refused: refused instanceof WebhookVerificationError && refused instanceof RushesError,
    version: VERSION,
  }));
`;

const EXPECTED = {
  id: 'bat_1',
  notFound: true,
  sha256: createHash('sha256').update(VIDEO).digest('hex'),
  downloadError: true,
  event: 'webhook.test',
  refused: true,
};

test('an ES module can use every entry, and errors are of one class in all of them', async () => {
  const server = await serveAll();
  const source = `
    import Rushes, { Rushes as Named, DownloadError, NotFoundError, RushesError, WebhookVerificationError, VERSION } from '@rushes/sdk';
    import { downloadVideo } from '@rushes/sdk/node';
    import { signForTest, unwrap, verify } from '@rushes/sdk/webhooks';
    const kind = 'esm';
    if (Rushes !== Named) throw new Error('two clients');
    ${PROGRAM}`;
  const { version } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
  expect(await node('use.mjs', source, server.url)).toEqual({ ...EXPECTED, version });
});

test('a CommonJS module can too', async () => {
  const server = await serveAll();
  const source = `
    const { default: Rushes, DownloadError, NotFoundError, RushesError, WebhookVerificationError, VERSION } = require('@rushes/sdk');
    const { downloadVideo } = require('@rushes/sdk/node');
    const { signForTest, unwrap, verify } = require('@rushes/sdk/webhooks');
    const kind = 'cjs';
    (async () => {${PROGRAM}})();`;
  expect(await node('use.cjs', source, server.url)).toMatchObject(EXPECTED);
});

test('where there is no file system the client loads, and download says what to use instead', async () => {
  const server = await serveAll();
  const index = await readFile(join(installed, 'dist', 'index.js'), 'utf8');
  expect(index).not.toMatch(/node:/);
  const source = `
    import Rushes from '@rushes/sdk';
    const error = await new Rushes().videos.download({}, '.').catch((caught) => caught);
    console.log(JSON.stringify(error.message));`;
  // What "#files" means is decided by a condition that Node always sets: take its entry away.
  const manifestPath = join(installed, 'package.json');
  const manifest = await readFile(manifestPath, 'utf8');
  const edge = JSON.parse(manifest);
  delete edge.imports['#files'].node;
  await writeFile(manifestPath, JSON.stringify(edge));
  try {
    expect(await node('edge.mjs', source, server.url)).toMatch(/videos\.stream/);
  } finally {
    await writeFile(manifestPath, manifest);
  }
});

test.each(['mjs', 'cjs'])('every receiver can be had alone, without its framework (%s)', async (kind) => {
  const names = ['node', 'express', 'koa', 'fastify', 'hono', 'fetch'];
  const load = kind === 'mjs' ? 'await import' : 'require';
  const source = `(async () => {
    const { signForTest, WebhookVerificationError } = ${load}('@rushes/sdk/webhooks');
    const { fetchReceiver } = ${load}('@rushes/sdk/webhooks/fetch');
    const secret = 'whsec_' + 'AAAA'.repeat(11);
    const reasons = [];
    const onRejected = (error) => reasons.push(error instanceof WebhookVerificationError);
    const receive = fetchReceiver({ secret, onEvent: () => undefined, onRejected });
    const { body, headers } = await signForTest({ id: 'evt_1', type: 'webhook.test' }, secret);
    const statuses = [];
    for (const sent of [body, 'x']) statuses.push((await receive(new Request('http://x', { method: 'POST', body: sent, headers }))).status);
    const all = [${names.map((name) => `${load}('@rushes/sdk/webhooks/${name}')`).join(', ')}];
    console.log(JSON.stringify({ statuses, reasons, types: all.map((each, at) => typeof each[${JSON.stringify(names)}[at] + 'Receiver']) }));
  })();`;
  expect(await node(`receivers.${kind}`, source, '')).toEqual({
    statuses: [204, 400],
    reasons: [true],
    types: names.map(() => 'function'),
  });
});

const TYPED = `
  import Rushes, { InsufficientCreditsError, type Batch } from '@rushes/sdk';
  import { downloadBatch } from '@rushes/sdk/node';
  import { unwrap } from '@rushes/sdk/webhooks';
  import { createServer } from 'node:http';
  import { fetchReceiver } from '@rushes/sdk/webhooks/fetch';
  import { memoryEventStore, nodeReceiver } from '@rushes/sdk/webhooks/node';
  import { verifyLedger, type LedgerReport } from '@rushes/sdk/ledger';
  export async function check(): Promise<boolean> {
    const report: LedgerReport = await verifyLedger({ entries: [], checkpoint: '', keys: ['a'] });
    // @ts-expect-error a report is typed
    report.nothing;
    return report.ok;
  }
  export const listener = createServer(nodeReceiver({ secret: ['a', 'b'], store: memoryEventStore(), onEvent: async ({ type }) => { void type; } }));
  export const POST: (request: Request) => Promise<Response> = fetchReceiver({ secret: 'a', onEvent: (event) => {
    // @ts-expect-error an event is typed
    event.nothing;
  } });
  export async function use(): Promise<number> {
    const rushes = new Rushes({ apiKey: 'x', maxRetries: 0 });
    const batch: Batch = await rushes.batches.create({ model: 'sora-2', items: [{ prompt: 'a', params: { size: 'small' } }] });
    if (batch.status === 'completed' || batch.status === 'of a newer server') return 0;
    // @ts-expect-error a batch has no such field: were everything any, this would be no error
    batch.nothing;
    // @ts-expect-error an item needs a prompt
    await rushes.batches.create({ model: 'sora-2', items: [{}] });
    for await (const task of rushes.batches.tasks(batch.id, { status: 'failed' })) {
      const type: string | undefined = task.failure?.type;
      void type;
    }
    const { traceId } = await rushes.batches.list().withResponse();
    const event = await unwrap('', new Headers(), ['whsec_']);
    if (event.type === 'task.failed') return event.data.credits.charged + (traceId ?? '').length;
    if (event.type === 'batch.paused') return event.data.reason.length;
    await downloadBatch(rushes, batch.id, '.', { concurrency: 2 });
    try { await rushes.videos.download({ id: '', index: 1, custom_id: null, video: null }, '.'); }
    catch (error) { if (error instanceof InsufficientCreditsError) return error.shortfall ?? 0; }
    return 1;
  }
`;

/** The text of a file of the package and of all files that it imports, as `importing` finds them. */
async function everythingBehind(entry: string, importing: RegExp): Promise<string> {
  const seen = new Map<string, string>();
  const follow = async (file: string): Promise<void> => {
    if (seen.has(file)) return;
    const text = await readFile(file, 'utf8');
    seen.set(file, text);
    for (const [, next = ''] of text.matchAll(importing)) await follow(join(dirname(file), next));
  };
  await follow(join(installed, 'dist', entry));
  return [...seen.values()].join('');
}

describe('types', () => {
  test.each(['typed.mts', 'typed.cts'])(
    '%s compiles under nodenext, strictly, libraries checked too',
    async (name) => {
      await writeFile(join(consumer, name), TYPED);
      const tsconfig = {
        compilerOptions: {
          module: 'nodenext',
          target: 'es2023',
          lib: ['es2023'],
          types: ['node'],
          strict: true,
          exactOptionalPropertyTypes: true,
          esModuleInterop: true,
          noEmit: true,
        },
        files: [name],
      };
      await writeFile(join(consumer, 'tsconfig.json'), JSON.stringify(tsconfig));
      const tsc = require.resolve('typescript/bin/tsc');
      const outcome = await run(process.execPath, [tsc, '-p', consumer]).catch((error: unknown) => error);
      expect(outcome).toMatchObject({ stdout: '' });
    },
    60_000,
  );

  test('nothing in the package points at the workspace or needs another package', async () => {
    const files = (await readdir(installed, { recursive: true, withFileTypes: true })).filter((entry) =>
      entry.isFile(),
    );
    expect(files.length).toBeGreaterThan(10);
    for (const { parentPath, name } of files) {
      const text = await readFile(join(parentPath, name), 'utf8');
      if (name !== 'package.json') expect(text).not.toMatch(/@rushes\/contract|from ['"]zod|require\(['"]zod|\/work\//);
      expect(name).not.toMatch(/\.test\.|\.map$/);
    }
    const manifest = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
    expect(manifest.dependencies).toBeUndefined();
    expect(manifest.peerDependencies).toBeUndefined();
  });

  test.each(['mjs', 'cjs'])('the ledger entry verifies without a client, an API key or a server (%s)', async (kind) => {
    const entries = sampleLedger();
    await writeFile(join(consumer, 'ledger.csv'), render(exportOf(entries), 'csv'));
    const names = '{ verifyLedger, verifyLedgerExport }';
    const load =
      kind === 'mjs'
        ? `import { createReadStream } from 'node:fs'; import ${names} from '@rushes/sdk/ledger';`
        : `const { createReadStream } = require('node:fs'); const ${names} = require('@rushes/sdk/ledger');`;
    const source = `${load}
      const keys = [${JSON.stringify(SIGNER.vkey)}];
      const given = { entries: ${JSON.stringify(entries)}, checkpoint: ${JSON.stringify(checkpoint(entries))}, keys };
      const file = createReadStream(process.argv[2] + '/ledger.csv');
      Promise.all([verifyLedger(given), verifyLedgerExport(file, { keys })]).then((reports) =>
        console.log(JSON.stringify(reports.map(({ ok, size }) => ({ ok, size })))));`;
    const file = join(consumer, `ledger.${kind}`);
    await writeFile(file, source);
    const { stdout } = await run(process.execPath, [file, consumer], { env: { PATH: process.env['PATH'] } });
    const right = { ok: true, size: entries.length };
    expect(JSON.parse(stdout)).toEqual([right, right]);
  });

  test('the ledger entry brings nothing of the client, nor the client anything of it', async () => {
    for (const [entry, importing] of [
      ['ledger.js', /(?:from|import) ?"(\.[^"]+)"/g],
      ['ledger.cjs', /require\("(\.[^"]+)"\)/g],
    ] as const) {
      const code = await everythingBehind(entry, importing);
      expect(code).toContain('EntryCheck');
      expect(code).not.toMatch(
        /class Transport|class AttemptScope|APIError|fetch\(|(?:from|import|require\() ?["']node:/,
      );
    }
    expect(await everythingBehind('index.js', /from "(\.[^"]+)"/g)).not.toMatch(/EntryCheck|portableSha256/);
  });

  test('the webhooks entry is small and brings nothing of the client', async () => {
    const all = await everythingBehind('webhooks.js', /from "(\.[^"]+)"/g);
    expect(all).not.toMatch(/class Transport|class BatchesResource|fetch\(|Receiver/);
    expect(all).not.toMatch(/from ['"][^.]|require\(/);
    expect(gzipSync(all, { level: 9 }).length).toBeLessThan(4_000);
  });
});
