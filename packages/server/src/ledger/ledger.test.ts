import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { batchIds, taskIds, type ExportedLedgerEntry, type LedgerEntry, type AccountUuid } from '@rushes/contract';
import {
  create,
  openAccount,
  openWorld,
  settle,
  startTasks,
  submission,
  uuidOf,
  violations,
  type World,
} from '../../testing/batches/world.ts';
import { credits, issueCredits, listEntries, renderLedgerExport } from './index.ts';
import type { LedgerExportFormat } from './export-format.ts';
import { openExport } from '../sealing/index.ts';
import type { ExportBounds, LedgerExport } from '../sealing/export.ts';
import { createSealer, type SteppedSealer } from '../sealing/sealer.ts';
import { systemClock, systemRandom } from '../system/index.ts';
import { silentLogger } from '../../testing/silent-logger.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  await world.close();
});

const EVERYTHING: ExportBounds = { from: null, to: null };

let sealer: SteppedSealer;
let keysDirectory: string;
beforeAll(async () => {
  keysDirectory = await mkdtemp(path.join(tmpdir(), 'rushes-ledger-'));
  sealer = createSealer({
    db: world.db,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    keysDirectory,
    serverName: 'test.example',
  });
});
afterAll(async () => {
  await rm(keysDirectory, { recursive: true, force: true });
});

/** An export of everything there is, which is sealed first. */
async function sealedExport(accountUuid: AccountUuid, range = EVERYTHING): Promise<LedgerExport> {
  await sealer.round();
  return openExport(world.db, accountUuid, range);
}

async function exported(accountUuid: AccountUuid, range = EVERYTHING): Promise<ExportedLedgerEntry[]> {
  const entries: ExportedLedgerEntry[] = [];
  for await (const page of (await sealedExport(accountUuid, range)).pages) entries.push(...page);
  return entries;
}

async function rendered(accountUuid: AccountUuid, format: LedgerExportFormat): Promise<string> {
  const { header, pages } = await sealedExport(accountUuid);
  let text = '';
  for await (const part of renderLedgerExport(header, pages, format)) text += part;
  return text;
}

async function settledBatch() {
  const caller = await openAccount(world, 1_000);
  const batchUuid = uuidOf(await create(world, caller, submission()));
  const tasks = (await startTasks(world, 100_000)).filter((task) => task.batchUuid === batchUuid);
  const endings = ['succeeded', 'provider_error', 'moderation_input'] as const;
  await settle(
    world.db,
    caller.accountUuid,
    batchUuid,
    tasks.map((task, at) => ({ ...task, ending: endings[at % 3]! })),
  );
  return { caller, batchUuid };
}

describe('issuing credits', () => {
  it('books the same reference once, and refuses it for another amount', async () => {
    const { accountUuid } = await openAccount(world, 0);
    const issue = { accountUuid, kind: 'purchase' as const, amount: 200_000, reason: 'package', reference: 'inv-1' };
    const answers = await Promise.all(Array.from({ length: 8 }, () => issueCredits(world.db, issue)));
    expect(answers.filter((answer) => answer === 'issued')).toHaveLength(1);
    expect(await issueCredits(world.db, { ...issue, amount: 1 })).toBe('reference_taken');
    expect(await issueCredits(world.db, { ...issue, kind: 'grant' })).toBe('reference_taken');
    expect(await credits(world.db, accountUuid)).toEqual({
      available: 200_000,
      reserved: 0,
      spent: 0,
      issued: 200_000,
      debt: 0,
    });
  });

  it('never passes 2^53 - 1 credits, and takes no fraction, nothing and nothing negative', async () => {
    const { accountUuid } = await openAccount(world, 0);
    const issue = (amount: number) =>
      issueCredits(world.db, { accountUuid, kind: 'grant', amount, reason: 'r', reference: randomUUID() });
    await issue(Number.MAX_SAFE_INTEGER);
    expect(await issue(1)).toBe('too_much');
    for (const amount of [0, -1, 0.5, Number.NaN, 2 ** 53]) await expect(issue(amount)).rejects.toThrow(RangeError);
    expect((await credits(world.db, accountUuid)).available).toBe(Number.MAX_SAFE_INTEGER);
  });
});

describe('the list of entries', () => {
  it('pages through every entry once in both orders, with what each did', async () => {
    const { caller, batchUuid } = await settledBatch();
    for (const order of ['asc', 'desc'] as const) {
      const seen: LedgerEntry[] = [];
      let cursor: string | null = null;
      do {
        const page = await listEntries(world.db, caller.accountUuid, { limit: 5, order, cursor });
        if (!page.ok) throw new Error(page.refusal.detail);
        seen.push(...page.value.data);
        cursor = page.value.next_cursor;
      } while (cursor !== null);
      const expected = Array.from({ length: 12 }, (_, at) => at + 1);
      expect(seen.map((entry) => entry.seq)).toEqual(order === 'asc' ? expected : expected.reverse());
    }
    const entries = await exported(caller.accountUuid);
    expect(entries[1]).toEqual({
      seq: 2,
      kind: 'reserve',
      from: 'available',
      to: 'reserved',
      amount: 490,
      available_after: 510,
      reserved_after: 490,
      spent_after: 0,
      batch_id: batchIds.format(batchUuid),
      task_id: null,
      task_index: null,
      reverses_seq: null,
      reason: null,
      reference: null,
      leaf_hash: expect.stringMatching(/^[A-Za-z0-9+/]{43}=$/) as string,
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/) as string,
    });
    expect(entries[4]).toMatchObject({
      kind: 'forfeit',
      from: 'reserved',
      to: 'spent',
      amount: 49,
      task_id: taskIds.format(batchUuid, 2),
      task_index: 2,
      reason: 'moderation_input',
    });
  });

  it('refuses a cursor that it did not give out in this order', async () => {
    const { caller } = await settledBatch();
    const first = await listEntries(world.db, caller.accountUuid, { limit: 1, order: 'asc', cursor: null });
    const good = first.ok ? first.value.next_cursor : null;
    for (const cursor of [
      '',
      '0',
      'x y',
      `${good!}A`,
      Buffer.from('asc 01').toString('base64url'),
      Buffer.from('asc 9999999999999999').toString('base64url'),
    ]) {
      expect(await listEntries(world.db, caller.accountUuid, { limit: 1, order: 'asc', cursor }), cursor).toMatchObject(
        { ok: false, refusal: { param: 'cursor' } },
      );
    }
    expect((await listEntries(world.db, caller.accountUuid, { limit: 1, order: 'desc', cursor: good })).ok).toBe(false);
  });
});

describe('an export', () => {
  it('says the same as CSV, JSON and JSON lines, and a formula in it comes back as it was', async () => {
    const { caller } = await settledBatch();
    const reasons = [
      '=HYPERLINK("http://x")',
      '+1',
      '-1',
      '@x',
      '\tx',
      '\rx',
      "'quoted'",
      'a,b\r\n"c"',
      'plain',
      ' =x',
      '中文 🎬',
    ];
    for (const reason of reasons) {
      await issueCredits(world.db, {
        accountUuid: caller.accountUuid,
        kind: 'grant',
        amount: 1,
        reason,
        reference: `=${randomUUID()}`,
      });
    }
    const entries = await exported(caller.accountUuid);
    expect((JSON.parse(await rendered(caller.accountUuid, 'json')) as { entries: object[] }).entries).toEqual(entries);
    expect(
      (await rendered(caller.accountUuid, 'jsonl'))
        .trimEnd()
        .split('\n')
        .slice(1)
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual(entries);
    const csv = await rendered(caller.accountUuid, 'csv');
    const all: Record<string, string>[] = parse(csv, { columns: true });
    const records = all.filter((record) => !record['seq']!.startsWith('#'));
    expect(all.length - records.length).toBe(4);
    for (const record of records) for (const cell of Object.values(record)) expect(cell).not.toMatch(/^[=+\-@\t\r]/);
    const back = records.map((record) =>
      Object.fromEntries(Object.entries(record).map(([name, cell]) => [name, cell.replace(/^'/, '')])),
    );
    expect(back).toEqual(
      entries.map((entry) =>
        Object.fromEntries(Object.entries(entry).map(([name, value]) => [name, value === null ? '' : String(value)])),
      ),
    );
    expect(csv.split('\r\n')[0]).toBe(
      'seq,kind,from,to,amount,available_after,reserved_after,spent_after,batch_id,task_id,task_index,reverses_seq,reason,reference,created_at,leaf_hash',
    );
  });

  it('of an empty ledger is empty and well formed', async () => {
    const { accountUuid } = await openAccount(world, 0);
    expect(await exported(accountUuid, { from: '2000-01-01T00:00:00Z', to: '2999-01-01T00:00:00Z' })).toEqual([]);
    expect(JSON.parse(await rendered(accountUuid, 'json'))).toMatchObject({ checkpoint: null, entries: [] });
    expect((await rendered(accountUuid, 'csv')).split('\r\n')).toHaveLength(6);
    expect((await rendered(accountUuid, 'jsonl')).split('\n')).toHaveLength(2);
  });

  it('is cut by time: from is in it, to is not', async () => {
    const { accountUuid } = await openAccount(world, 0);
    await world.admin.query(`ALTER TABLE credit_ledger DISABLE TRIGGER USER`);
    for (let at = 1; at <= 9; at += 1) {
      await issueCredits(world.db, { accountUuid, kind: 'grant', amount: 1, reason: 'r', reference: `g${at}` });
    }
    // Three entries in each of three milliseconds.
    await world.admin.query(
      `UPDATE credit_ledger SET created_at = '2026-11-20T00:00:00Z'::timestamptz + ((seq - 1) / 3) * interval '1 ms' WHERE account_id = $1`,
      [accountUuid],
    );
    await world.admin.query(`ALTER TABLE credit_ledger ENABLE TRIGGER USER`);
    const time = (ms: number): string => new Date(Date.parse('2026-11-20T00:00:00Z') + ms).toISOString();
    const seqs = async (from: string | null, to: string | null): Promise<number[]> =>
      (await exported(accountUuid, { from, to })).map((entry) => entry.seq);
    expect(await seqs(time(1), time(2))).toEqual([4, 5, 6]);
    expect(await seqs(time(0), null)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(await seqs(null, time(1))).toEqual([1, 2, 3]);
    expect(await seqs(time(3), null)).toEqual([]);
    expect(await seqs(null, time(0))).toEqual([]);
    expect(await seqs(time(2), time(1))).toEqual([]);
    expect(await seqs(time(-5), time(50))).toHaveLength(9);
  });

  it('begun before an entry does not show it: the range is fixed at its start', async () => {
    const { accountUuid } = await openAccount(world, 5);
    const { header, pages } = await sealedExport(accountUuid);
    await issueCredits(world.db, { accountUuid, kind: 'grant', amount: 1, reason: 'r', reference: 'later' });
    await sealer.round();
    const seqs: number[] = [];
    for await (const page of pages) seqs.push(...page.map(({ seq }) => seq));
    expect([header.range, seqs]).toEqual([{ first: 1, last: 1, left: [], right: [] }, [1]]);
  });
});

describe('the tables of money', () => {
  it('refuse UPDATE, DELETE and TRUNCATE of entries even to a superuser', async () => {
    await openAccount(world, 5);
    for (const statement of [
      'UPDATE credit_ledger SET amount = 1',
      'DELETE FROM credit_ledger',
      'TRUNCATE credit_ledger CASCADE',
      'UPDATE credit_ledger SET amount = 1 WHERE false',
      'UPDATE events SET data = data',
      'TRUNCATE events CASCADE',
    ]) {
      await expect(world.admin.query(statement), statement).rejects.toThrow('its rows are never changed');
    }
  });

  it.each([
    'INSERT INTO credit_ledger SELECT * FROM credit_ledger',
    'UPDATE credit_accounts SET available = available + 1, issued = issued + 1',
    'INSERT INTO credit_accounts (account_id) VALUES (gen_random_uuid())',
    'UPDATE credit_holds SET refunded = amount',
    'INSERT INTO credit_holds SELECT * FROM credit_holds',
    'DELETE FROM credit_holds',
    `UPDATE tasks SET state = 'canceled'`,
    'DELETE FROM tasks',
    `UPDATE batches SET status = 'completed'`,
    'UPDATE batch_schedule SET closed = true',
    'DELETE FROM task_leases',
    'INSERT INTO events SELECT * FROM events',
    'ALTER TABLE credit_ledger DISABLE TRIGGER ALL',
    'CREATE OR REPLACE FUNCTION rushes_now() RETURNS timestamptz LANGUAGE sql AS $$SELECT now()$$',
    `SET session_replication_role = replica`,
  ])('refuse the role that the application logs in as: %s', async (statement) => {
    await expect(world.db.query(statement)).rejects.toThrow(/permission denied|must be owner/);
  });
});

describe('the check of the ledger', () => {
  /** What a superuser breaks, with every trigger and constraint in the way taken off, and the rule that must notice. */
  it.each([
    ['entry_gap', 'UPDATE credit_ledger SET seq = 99 WHERE account_id = $1 AND seq = 5'],
    ['entry_gap', 'DELETE FROM credit_ledger WHERE account_id = $1 AND seq = 5'],
    [
      'running_balance',
      'UPDATE credit_ledger SET available_after = available_after + 1 WHERE account_id = $1 AND seq = 5',
    ],
    [
      'time_runs_back',
      `UPDATE credit_ledger SET created_at = created_at - interval '1 day' WHERE account_id = $1 AND seq = 5`,
    ],
    ['balance', 'UPDATE credit_accounts SET available = available + 1, issued = issued + 1 WHERE account_id = $1'],
    ['balance', 'UPDATE credit_accounts SET last_seq = last_seq + 1 WHERE account_id = $1'],
    ['balance', 'UPDATE credit_accounts SET spent = spent - 1, available = available + 1 WHERE account_id = $1'],
    ['reserved_is_held', `UPDATE credit_holds SET state = 'open', refunded = refunded - 49 WHERE account_id = $1`],
    ['hold_entries', 'UPDATE credit_holds SET charged = charged + 49, refunded = refunded - 49 WHERE account_id = $1'],
    ['entries_without_hold', 'DELETE FROM credit_holds WHERE account_id = $1'],
    ['hold_tasks', `UPDATE tasks SET resolution = 'refund' WHERE account_id = $1 AND task_index = 0`],
    ['hold_tasks', 'UPDATE batches SET unit_price = 50 WHERE account_id = $1'],
    ['batch_counters', 'UPDATE batches SET succeeded = succeeded - 1, failed = failed + 1 WHERE account_id = $1'],
    ['closed_hold', `UPDATE credit_holds SET state = 'open' WHERE account_id = $1`],
    [
      'closed_hold',
      `UPDATE batches SET status = 'processing', finished_at = NULL, started_at = now() WHERE account_id = $1`,
    ],
    [
      'task_resolution',
      `UPDATE tasks SET resolution = NULL, state = 'queued', finished_at = NULL, failure_type = NULL WHERE account_id = $1 AND task_index = 1`,
    ],
    ['task_resolution', `UPDATE credit_ledger SET kind = 'charge' WHERE account_id = $1 AND task_index = 2`],
    [
      'entry_amount',
      'UPDATE credit_ledger SET amount = amount + CASE task_index WHEN 0 THEN 1 ELSE -1 END WHERE account_id = $1 AND task_index IN (0, 3)',
    ],
    ['entry_without_task', 'UPDATE credit_ledger SET task_index = 77 WHERE account_id = $1 AND task_index = 0'],
    [
      'reversal_bounds',
      `INSERT INTO credit_ledger SELECT account_id, seq + 10, 'reversal', 'spent', 'available', 50, 0, 0, 0, NULL, NULL, 3, 'r', 'r', now() FROM credit_ledger WHERE account_id = $1 AND seq = 3`,
    ],
    [
      'reversal_bounds',
      `INSERT INTO credit_ledger SELECT account_id, seq + 10, 'reversal', 'spent', 'available', 1, 0, 0, 0, NULL, NULL, 4, 'r', 'r', now() FROM credit_ledger WHERE account_id = $1 AND seq = 4`,
    ],
  ])('reports %s when a superuser does: %s', async (rule, statement) => {
    const { caller } = await settledBatch();
    const rollback = new Error('rolled back');
    await expect(
      world.admin.transaction(async (tx) => {
        await tx.query('SET LOCAL session_replication_role = replica');
        const checks = await tx.query<{ table: string; name: string }>(
          `SELECT conrelid::regclass::text AS table, conname AS name FROM pg_constraint
           WHERE contype = 'c' AND conrelid::regclass::text IN ('credit_accounts', 'credit_holds', 'credit_ledger', 'batches', 'tasks')`,
        );
        for (const { table, name } of checks) await tx.query(`ALTER TABLE ${table} DROP CONSTRAINT "${name}"`);
        const changed = await tx.query(`${statement} RETURNING 1`, [caller.accountUuid]);
        expect(changed.length).toBeGreaterThan(0);
        const found = await tx.query<{ rule: string }>(
          'SELECT DISTINCT rule FROM ledger_violations WHERE account_id = $1',
          [caller.accountUuid],
        );
        expect(found.map((row) => row.rule)).toContain(rule);
        throw rollback;
      }),
    ).rejects.toBe(rollback);
    expect(await violations(world)).toEqual([]);
  });
});
