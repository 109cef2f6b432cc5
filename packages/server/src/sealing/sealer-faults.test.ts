import { mkdir, open as openFile, readFile, rename, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { accountIds, type AccountUuid } from '@rushes/contract';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { silentLogger } from '../../testing/silent-logger.ts';
import type { Database, Queryable } from '../db/index.ts';
import { systemClock, systemRandom } from '../system/index.ts';
import { checkpointLogFile, formatLine } from './checkpoint-lines.ts';
import { CheckpointLog } from './checkpoint-log.ts';
import { checkTrees, latestCheckpoint, openEpoch, publishedKeys } from './index.ts';
import { readKeyRing, rotateKey } from './key-ring.ts';
import { isSignedBy, parseCheckpoint, parseVerifierKey, signCheckpoint } from './note.ts';
import { originOf } from './origin.ts';
import { SealerTerm } from './sealer-term.ts';
import { openLedgerWorld, saveTrees, SERVER_NAME, type LedgerWorld } from '../../testing/sealing/ledger-world.ts';

let world: LedgerWorld;
beforeAll(async () => {
  world = await openLedgerWorld();
  await saveTrees(world);
});
afterAll(async () => {
  await world.close();
});

async function sealAll(): Promise<void> {
  const sealer = world.sealer();
  await world.endLease();
  while (!(await sealer.round()));
  await sealer.close();
}

async function sealed(...counts: readonly number[]): Promise<AccountUuid> {
  const account = await world.account();
  for (const count of counts) {
    await world.grant(account, count);
    await sealAll();
  }
  return account;
}

async function refusedReason(account: AccountUuid): Promise<string | null> {
  const [row] = await world.db.query<{ reason: string | null }>(
    'SELECT refused_reason AS reason FROM ledger_trees WHERE account_id = $1 AND closed_at IS NULL',
    [account],
  );
  return row?.reason ?? null;
}

async function toldOf(account: AccountUuid): Promise<number> {
  return (await world.admin.query('SELECT 1 FROM operator_events WHERE account_id = $1', [account])).length;
}

/** The same database, with something done before each statement that holds a text. */
function before(text: string, work: () => Promise<void>): Database {
  const wrapped = <Q extends Queryable>(inner: Q): Q => ({
    ...inner,
    query: async (sql: string, values?: never) => {
      if (sql.includes(text)) await work();
      return inner.query(sql, values);
    },
  });
  return {
    ...wrapped(world.db),
    transaction: (run) => world.db.transaction((tx) => run(wrapped(tx))),
  };
}

it('a refusal that its operator could not be told of is not a refusal yet, and is told of next time', async () => {
  const account = await sealed(3, 3);
  await world.restore(account, 3);
  await world.admin.query(`
    CREATE FUNCTION test_no_events() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no events'; END $$;
    CREATE TRIGGER test_no_events BEFORE INSERT ON operator_events FOR EACH ROW EXECUTE FUNCTION test_no_events();`);
  await expect(sealAll()).rejects.toThrow('no events');
  expect(await refusedReason(account)).toBeNull();
  await world.admin.query('DROP TRIGGER test_no_events ON operator_events');
  await sealAll();
  expect([await refusedReason(account), await toldOf(account)]).toEqual(['behind_the_log', 1]);
});

it('a refusal is taken back when its cause has gone, although there is nothing new to sign', async () => {
  const lone = await openLedgerWorld();
  try {
    const account = await lone.account();
    await lone.grant(account, 1);
    const round = async () => {
      const sealer = lone.sealer();
      await sealer.round();
      await sealer.close();
      const rows = await lone.db.query('SELECT 1 FROM ledger_trees WHERE refused_reason IS NOT NULL');
      return rows.length;
    };
    expect(await round()).toBe(0);
    const file = checkpointLogFile(lone.keysDirectory);
    await rename(file, `${file}.away`);
    expect(await round()).toBe(1);
    await rename(`${file}.away`, file);
    expect(await round()).toBe(0);
  } finally {
    await lone.close();
  }
});

it('a rotated key is used although its file has the time of the old one', async () => {
  const account = await world.account();
  await world.endLease();
  const sealer = world.sealer();
  await sealer.round();
  const file = path.join(world.keysDirectory, 'keys.json');
  const { atime, mtime } = await stat(file);
  rotateKey(world.keysDirectory, new Date());
  await utimes(file, atime, mtime);
  await world.grant(account, 1);
  await sealer.round();
  await sealer.close();
  const active = parseVerifierKey((await publishedKeys(world.db)).at(-1)!.key)!;
  expect(isSignedBy((await latestCheckpoint(world.db, account))!.checkpoint, [active])).toBe(true);
});

it('an epoch is opened behind the last checkpoint that anybody can hold, whatever is published meanwhile', async () => {
  const account = await sealed(2);
  await world.grant(account, 2);
  const sealing: Promise<void>[] = [];
  const late = before('open_ledger_epoch', async () => {
    sealing.push(sealAll());
    // Either it waits for us, or it has published.
    await vi.waitFor(async () => {
      const [waiting] = await world.admin.query<{ n: number }>(
        `SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      expect((waiting?.n ?? 0) > 0 || (await latestCheckpoint(world.db, account))?.size === 4).toBe(true);
    });
  });
  const opened = await openEpoch(late, world.keysDirectory, account, 'a test');
  await Promise.all(sealing);
  const published = await world.db.query<{ checkpoint: string }>(
    'SELECT checkpoint FROM ledger_checkpoints WHERE account_id = $1 AND epoch = 1 ORDER BY size DESC',
    [account],
  );
  expect(opened?.previousCheckpoint).toBe(published[0]?.checkpoint);
});

it('a check does not take the checkpoints of a key for forgeries that was rotated in since it began', async () => {
  const account = await sealed(1);
  let isRotated = false;
  const rotating = before('FROM ledger_checkpoints', async () => {
    if (isRotated) return;
    isRotated = true;
    rotateKey(world.keysDirectory, new Date());
    await world.grant(account, 1);
    await sealAll();
  });
  expect(await checkTrees(rotating, world.keysDirectory, account)).toEqual([]);
  expect(isRotated).toBe(true);
  expect((await latestCheckpoint(world.db, account))?.size).toBe(2);
});

it('opening the log flushes what a killed process may have left unflushed', async () => {
  const handle = await openFile(checkpointLogFile(world.keysDirectory), 'r');
  const sync = vi.spyOn(Object.getPrototypeOf(handle) as { sync: () => Promise<void> }, 'sync');
  await handle.close();
  const log = await CheckpointLog.open(world.keysDirectory);
  await log.close();
  expect(sync).toHaveBeenCalledTimes(1);
  sync.mockRestore();
});

it('the lease is renewed while a long log is read, and reading ends when it was lost', async () => {
  const account = await sealed(1);
  const text = await readFile(checkpointLogFile(world.keysDirectory), 'utf8');
  const directory = path.join(world.keysDirectory, '..', 'long');
  const line = text.trimEnd().split('\n').at(-1)!;
  const options = {
    db: world.db,
    random: systemRandom,
    logger: silentLogger,
    keysDirectory: directory,
    serverName: SERVER_NAME,
  };
  let claims = 0;
  let nowMs = 0;
  const counting = before('claim_ledger_sealer', async () => {
    claims += 1;
  });
  // Each look at the clock is two seconds after the one before.
  const clock = { ...systemClock, monotonicMs: () => (nowMs += 2_000) };
  // The keys of this world, and a log of some megabytes.
  const keys = await readFile(path.join(world.keysDirectory, 'keys.json'), 'utf8');
  await mkdir(directory);
  await writeFile(path.join(directory, 'keys.json'), keys);
  await writeFile(checkpointLogFile(directory), `${line}\n`.repeat(12_000));
  await world.endLease();
  const term = new SealerTerm({ ...options, db: counting, clock });
  const held = await term.hold();
  expect(held?.log.head(accountIds.format(account))?.size).toBe(1);
  expect(claims).toBeGreaterThan(2);
  await term.close();

  const losing = before('claim_ledger_sealer', async () => {
    await world.admin.query('UPDATE ledger_sealer SET holder = NULL, fence = fence + 1');
  });
  await expect(new SealerTerm({ ...options, db: losing, clock }).hold()).rejects.toThrow(
    'lease of the sealer was lost',
  );
});

it('a line of the log that came out of its order is compared with the entries all the same', async () => {
  const account = await sealed(3, 3);
  const ring = readKeyRing(world.keysDirectory);
  const origin = originOf(SERVER_NAME, account, 1);
  const late = (size: number, root: Buffer): string =>
    formatLine({
      accountId: accountIds.format(account),
      epoch: 1,
      at: new Date().toISOString(),
      size,
      root,
      checkpoint: signCheckpoint({ origin, size, root }, ring.active),
    });
  const [first] = await world.db.query<{ checkpoint: string }>(
    'SELECT checkpoint FROM ledger_checkpoints WHERE account_id = $1 AND size = 3',
    [account],
  );
  const file = await openFile(checkpointLogFile(world.keysDirectory), 'a');
  await file.appendFile(late(3, parseCheckpoint(first!.checkpoint)!.root));
  expect(await checkTrees(world.db, world.keysDirectory, account)).toEqual([]);
  await file.appendFile(late(2, Buffer.alloc(32, 7)));
  await file.close();
  // Line by line, as it is when thousands lie between it and those before.
  const found = await checkTrees(world.db, world.keysDirectory, account, undefined, 1);
  expect(found.map(({ detail }) => detail)).toEqual([
    expect.stringContaining('entries 1 to 2 are not those') as string,
  ]);
});
