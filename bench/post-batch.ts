/**
 * POST /v1/batches with 10,000 items to a real server process, against COPY of the same rows into the same table,
 * interleaved in one run; and what the server's memory grew by.
 *
 *   npm run build && node bench/post-batch.ts [REPETITIONS]
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { AccountUuid } from '@rushes/contract';
import { openEmbeddedPostgres } from '../packages/server/src/postgres/open.ts';
import { createLogger } from '../packages/server/src/system/index.ts';
import { operate, startServer, type LocalAccount } from '../scripts/local-server.ts';

const ITEMS = 10_000;
const repetitions = Number(process.argv[2] ?? '9');
const CREDITS = '9000000000';

const folder = mkdtempSync(path.join(tmpdir(), 'rushes-bench-'));
const postgres = await openEmbeddedPostgres({ dataDir: path.join(folder, 'postgres'), logger: createLogger('error') });
const settings = {
  DATABASE_URL: postgres.appUrl,
  DATABASE_MIGRATION_URL: postgres.adminUrl,
  RUSHES_LOG_LEVEL: 'error',
};
const dataDir = path.join(folder, 'data');
const server = await startServer(dataDir, 0, settings, 'api');
const client = new pg.Client({ connectionString: postgres.adminUrl });
try {
  const flags = ['--name', 'Bench', '--plan', 'enterprise', '--mode', 'test', '--credits', CREDITS, '--json'];
  const account = JSON.parse(await operate(['account', 'create', ...flags], dataDir, settings)) as LocalAccount;
  await client.connect();

  const prompts = Array.from(
    { length: ITEMS },
    (_, at) =>
      `Shot ${at}: a handheld camera follows a cyclist through a rainy market at night, neon reflections, 35 mm`,
  );
  const post = async (): Promise<number> => {
    const items = prompts.map((prompt, at) => ({ prompt, custom_id: `shot-${at}` }));
    const body = JSON.stringify({ request_id: randomUUID(), model: 'sora-2', items });
    const startedMs = performance.now();
    const response = await fetch(`${server.url}/v1/batches`, {
      method: 'POST',
      headers: { authorization: `Bearer ${account.api_key}`, 'content-type': 'application/json' },
      body,
    });
    await response.arrayBuffer();
    if (response.status !== 201) throw new Error(`the server answered ${response.status}`);
    return performance.now() - startedMs;
  };
  const copy = async (): Promise<number> => {
    const batchUuid = randomUUID();
    const { rows } = await client.query<{ account_id: AccountUuid }>('SELECT account_id FROM accounts');
    const accountUuid = rows[0]?.account_id ?? '';
    await client.query(
      `INSERT INTO batches (account_id, batch_id, request_id, request_hash, model, total, unit_price, terms, created_at, deadline_at)
       VALUES ($1, $2, $3, '', 'sora-2', $4, 49, '{}', now(), now())`,
      [accountUuid, batchUuid, batchUuid, ITEMS],
    );
    const lines = prompts.map((prompt, at) => `${accountUuid}\t${batchUuid}\t${at}\tshot-${at}\t${prompt}\t{}\n`);
    const startedMs = performance.now();
    await pipeline(
      Readable.from([lines.join('')], { objectMode: false }),
      client.query(copyFrom('COPY tasks (account_id, batch_id, task_index, custom_id, prompt, params) FROM STDIN')),
    );
    return performance.now() - startedMs;
  };

  const residentMiB = (field: 'VmRSS' | 'VmHWM'): number => {
    const status = readFileSync(`/proc/${server.pid}/status`, 'utf8');
    return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? Number.NaN) / 1024;
  };
  const idleMiB = residentMiB('VmRSS');
  const first = await post();
  const afterFirstMiB = residentMiB('VmHWM');
  await copy();
  const posts: number[] = [];
  const copies: number[] = [];
  for (let at = 0; at < repetitions; at += 1) {
    posts.push(await post());
    copies.push(await copy());
  }
  const median = (values: number[]): number =>
    values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
  console.log(
    `POST of ${ITEMS} items: median ${median(posts).toFixed(0)} ms (first ${first.toFixed(0)} ms), COPY ${median(copies).toFixed(0)} ms, ratio ${(median(posts) / median(copies)).toFixed(2)}`,
  );
  console.log(
    `server memory: ${idleMiB.toFixed(0)} MiB idle, peak ${afterFirstMiB.toFixed(0)} MiB after one POST, ${residentMiB('VmHWM').toFixed(0)} MiB after ${repetitions + 1}`,
  );
} finally {
  await client.end();
  await server.stop();
  await postgres.close();
  rmSync(folder, { recursive: true, force: true });
}
