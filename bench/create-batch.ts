/**
 * Creating a batch of 10,000 items (parse, check, hash, store, reserve) against COPY of the same rows into the same
 * table, interleaved in one run. Needs BENCH_DATABASE_URL, a superuser's URL of a database that may be thrown away; with
 * none, it starts the embedded PostgreSQL in a scratch directory.
 *
 *   node --expose-gc bench/create-batch.ts [repetitions]
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { DEFAULT_TERMS } from '../packages/contract/src/index.ts';
import { createAccount } from '../packages/server/src/accounts/index.ts';
import { createBatchService, parseSubmission } from '../packages/server/src/batches/index.ts';
import { openDatabase } from '../packages/server/src/db/index.ts';
import { migrate } from '../packages/server/src/schema/index.ts';
import { openEmbeddedPostgres } from '../packages/server/src/postgres/open.ts';
import { issueCredits } from '../packages/server/src/ledger/index.ts';

const ITEMS = 10_000;
const REPETITIONS = Number(process.argv[2] ?? '9');
const random = { bytes: (length: number) => randomBytes(length), uuid: () => randomUUID(), fraction: () => 0.5 };
const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };

async function database(): Promise<{ url: string; close: () => Promise<void> }> {
  const given = process.env['BENCH_DATABASE_URL'];
  if (given !== undefined) return { url: given, close: async () => undefined };
  const dataDir = mkdtempSync(path.join(tmpdir(), 'rushes-bench-'));
  const postgres = await openEmbeddedPostgres({ dataDir, logger: quiet });
  return {
    url: postgres.adminUrl,
    async close() {
      await postgres.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

const { url, close } = await database();
await migrate({ migrationUrl: url, applicationUrl: null });
const db = openDatabase({ url, applicationName: 'bench', maxConnections: 4, onConnectionError: () => undefined });
const accountUuid = await createAccount(db, random, { name: 'bench', plan: 'enterprise', mode: 'test' });
await issueCredits(db, { accountUuid, kind: 'grant', amount: 10 ** 12, reason: 'bench', reference: 'bench' });
const caller = { accountUuid, mode: 'test', terms: DEFAULT_TERMS } as const;
const service = createBatchService({ db, random, routeFor: () => 'simulator', modelTimeoutMs: () => 600_000 });

const prompts = Array.from(
  { length: ITEMS },
  (_, at) =>
    `Shot ${at}: a "handheld" camera follows a cyclist through a rainy market at night, neon reflections, 35 mm, ` +
    'shallow depth of field, slow motion, 雨夜的市场 🎬',
);

function body(): Uint8Array {
  return Buffer.from(
    JSON.stringify({
      request_id: randomUUID(),
      model: 'sora-2',
      defaults: { aspect_ratio: '16:9' },
      items: prompts.map((prompt, at) => ({ prompt, custom_id: `shot-${at}`, params: { duration_seconds: 10 } })),
    }),
  );
}

async function viaCreate(): Promise<{ totalMs: number; parseMs: number }> {
  const bytes = body();
  const started = performance.now();
  const parsed = parseSubmission({ contentType: 'application/json', body: bytes, query: new Map() }, 'create');
  if (!parsed.ok) throw new Error(parsed.refusal.detail);
  const parseMs = performance.now() - started;
  const created = await service.create(caller, parsed.value);
  if (!created.ok) throw new Error(created.refusal.detail);
  return { totalMs: performance.now() - started, parseMs };
}

/** The batch's row is made beforehand: only the rows of the tasks are timed. Text format: \t \n \r \\ are escaped. */
async function viaCopy(client: pg.Client): Promise<number> {
  const batchUuid = randomUUID();
  await client.query(
    `INSERT INTO batches (account_id, batch_id, request_id, request_hash, model, total, unit_price, terms, created_at, deadline_at)
     VALUES ($1, $2, $3, '', 'sora-2', $4, 49, '{}', now(), now())`,
    [accountUuid, batchUuid, batchUuid, ITEMS],
  );
  const started = performance.now();
  const params = JSON.stringify({ aspect_ratio: '16:9', duration_seconds: 10 });
  function* lines(): Generator<string> {
    for (let at = 0; at < ITEMS; at += 500) {
      yield prompts
        .slice(at, at + 500)
        .map(
          (prompt, offset) =>
            `${accountUuid}\t${batchUuid}\t${at + offset}\tshot-${at + offset}\t${prompt.replaceAll('\\', '\\\\')}\t${params}\n`,
        )
        .join('');
    }
  }
  await pipeline(
    Readable.from(lines(), { objectMode: false }),
    client.query(copyFrom('COPY tasks (account_id, batch_id, task_index, custom_id, prompt, params) FROM STDIN')),
  );
  return performance.now() - started;
}

function median(values: number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Peak resident memory since the process began (ru_maxrss is in KiB), over what it was before the first batch. */
const peakMiB = (): number => process.resourceUsage().maxRSS / 1024;

const client = new pg.Client({ connectionString: url });
await client.connect();
globalThis.gc?.();
const before = peakMiB();
const create: { totalMs: number; parseMs: number }[] = [];
const copy: number[] = [];
await viaCreate();
const afterFirst = peakMiB();
await viaCopy(client);
for (let repetition = 0; repetition < REPETITIONS; repetition += 1) {
  create.push(await viaCreate());
  copy.push(await viaCopy(client));
}
const createMs = median(create.map((run) => run.totalMs));
const copyMs = median(copy);
console.log(
  JSON.stringify(
    {
      items: ITEMS,
      body_mib: Number((body().length / 2 ** 20).toFixed(2)),
      repetitions: REPETITIONS,
      create_ms: Math.round(createMs),
      of_which_parse_ms: Math.round(median(create.map((run) => run.parseMs))),
      copy_ms: Math.round(copyMs),
      ratio: Number((createMs / copyMs).toFixed(2)),
      fastest_create_ms: Math.round(Math.min(...create.map((run) => run.totalMs))),
      fastest_copy_ms: Math.round(Math.min(...copy)),
      peak_rss_growth_first_mib: Math.round(afterFirst - before),
      peak_rss_growth_all_mib: Math.round(peakMiB() - before),
    },
    null,
    2,
  ),
);
await client.end();
await db.close();
await close();
