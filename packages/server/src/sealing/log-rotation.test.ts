import { link, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { accountIds } from '@rushes/contract';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  closedSegments,
  checkpointLogFile,
  openLogReading,
  segmentFile,
  type LoggedCheckpoint,
} from './checkpoint-lines.ts';
import { CheckpointLog } from './checkpoint-log.ts';
import { checkTrees, latestCheckpoint } from './index.ts';
import { openLedgerWorld, type LedgerWorld } from '../../testing/sealing/ledger-world.ts';
import { testUuid } from '../../testing/test-uuid.ts';

const SEGMENT_BYTES = 4_000;
const UUIDS = [1, 2, 3].map((n) => testUuid<'acct'>(`0196b000-0000-7000-8000-00000000000${n}`));
const ACCOUNTS = UUIDS.map((uuid) => accountIds.format(uuid));

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'rushes-log-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

function line(accountId: string, size: number): LoggedCheckpoint {
  const root = Buffer.alloc(32, size);
  const checkpoint = `test/ledger/${accountId}\n${size}\n${root.toString('base64')}\n\n— test AAAA\n`;
  return { accountId, epoch: 1, size, root, at: '2026-11-21T00:00:00.000Z', checkpoint };
}

async function open(previous: CheckpointLog | null = null): Promise<CheckpointLog> {
  return CheckpointLog.open(directory, { segmentBytes: SEGMENT_BYTES, previous });
}

/** `count` lines of each account, in turns, by a log that was opened. */
async function fill(log: CheckpointLog, from: number, count: number): Promise<void> {
  for (let size = from; size < from + count; size += 1)
    await log.append(ACCOUNTS.map((account) => line(account, size)));
}

async function sizesRead(accountId: string): Promise<number[]> {
  const reading = await openLogReading(directory);
  const sizes: number[] = [];
  for await (const page of reading.pages(accountId, 'all')) sizes.push(...page.map(({ size }) => size));
  await reading.close();
  return sizes;
}

function headSizes(log: CheckpointLog): (number | undefined)[] {
  return ACCOUNTS.map((account) => log.head(account)?.size);
}

describe('a checkpoint log that has grown large', () => {
  it('goes on in a new file that begins with the last line of every account, and loses none', async () => {
    const log = await open();
    await fill(log, 1, 40);
    await log.close();
    const segments = await closedSegments(directory);
    expect(segments.length).toBeGreaterThan(3);
    expect((await stat(checkpointLogFile(directory))).size).toBeLessThan(2 * SEGMENT_BYTES);
    const again = await open();
    expect(headSizes(again)).toEqual([40, 40, 40]);
    await again.close();
    const sizes = await sizesRead(ACCOUNTS[1]!);
    expect([...new Set(sizes)]).toEqual(Array.from({ length: 40 }, (_, at) => at + 1));
    // Beside each once, the line carried over into each file.
    expect(sizes).toHaveLength(40 + (await closedSegments(directory)).length);
  });

  it('keeps the lines of an account that was silent since', async () => {
    const log = await open();
    await log.append([line(ACCOUNTS[0]!, 7)]);
    for (let size = 1; size < 60; size += 1) await log.append([line(ACCOUNTS[1]!, size)]);
    await log.close();
    const again = await open();
    expect(headSizes(again)).toEqual([7, 59, undefined]);
    await again.close();
  });

  it('survives a death between the second name and the new file', async () => {
    const log = await open();
    await fill(log, 1, 2);
    await log.close();
    await link(checkpointLogFile(directory), segmentFile(directory, 1));
    expect(await sizesRead(ACCOUNTS[0]!)).toEqual([1, 2]);
    const again = await open();
    expect(headSizes(again)).toEqual([2, 2, 2]);
    await fill(again, 3, 30);
    await again.close();
    expect([...new Set(await sizesRead(ACCOUNTS[0]!))]).toEqual(Array.from({ length: 32 }, (_, at) => at + 1));
  });

  it('stays whole when it cannot be rotated', async () => {
    const log = await open();
    // Its name is gone, so that it can have no second one.
    await rm(checkpointLogFile(directory));
    await fill(log, 1, 40);
    await log.close();
    expect(await closedSegments(directory)).toEqual([]);
    expect(headSizes(log)).toEqual([40, 40, 40]);
  });

  it('is read by whoever opened it before the rotation as it was then', async () => {
    const log = await open();
    await fill(log, 1, 2);
    const reading = await openLogReading(directory);
    await fill(log, 3, 40);
    await log.close();
    expect((await closedSegments(directory)).length).toBeGreaterThan(0);
    const sizes: number[] = [];
    for await (const page of reading.pages(ACCOUNTS[0]!, 'all')) sizes.push(...page.map(({ size }) => size));
    await reading.close();
    expect(sizes).toEqual([1, 2]);
  });

  it('does not take the place of what another process wrote meanwhile', async () => {
    const [stopped, other] = [await open(), await open()];
    await other.append([line(ACCOUNTS[0]!, 50)]);
    await fill(stopped, 1, 40);
    await Promise.all([stopped.close(), other.close()]);
    const again = await open();
    expect(again.head(ACCOUNTS[0]!)?.size).toBe(50);
    await again.close();
    expect((await readdir(directory)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});

describe('a log that is opened again', () => {
  it('is read on from where it ended, what others added included', async () => {
    const [mine, other] = [await open(), await open()];
    await mine.append([line(ACCOUNTS[0]!, 1)]);
    await mine.close();
    await other.append([line(ACCOUNTS[1]!, 2)]);
    await other.close();
    // Nobody looks at the first line again: it would be found damaged.
    const file = checkpointLogFile(directory);
    const content = await readFile(file, 'utf8');
    await writeFile(file, content.replace('"epoch"', '"epocH"'), { flag: 'r+' });
    await expect(open()).rejects.toThrow('Line 1 of');
    const again = await open(mine);
    expect(headSizes(again)).toEqual([1, 2, undefined]);
    await again.close();
  });
});

describe('a check of the whole log', () => {
  let world: LedgerWorld;
  beforeAll(async () => {
    world = await openLedgerWorld();
  });
  afterAll(async () => {
    await world.close();
  });

  it('reads the files that were closed, and neither stumbles over the lines carried over', async () => {
    const account = await world.account();
    for (let round = 0; round < 4; round += 1) {
      await world.grant(account, 5);
      const sealer = world.sealer();
      await world.endLease();
      await sealer.round();
      await sealer.close();
      const log = await CheckpointLog.open(world.keysDirectory, { segmentBytes: 300 });
      await log.close();
    }
    expect((await closedSegments(world.keysDirectory)).length).toBeGreaterThan(1);
    expect(await checkTrees(world.db, world.keysDirectory, null)).toEqual([]);
    expect((await latestCheckpoint(world.db, account))?.size).toBe(20);
    await world.admin.transaction(async (tx) => {
      await tx.query('SET LOCAL session_replication_role = replica');
      await tx.query("UPDATE credit_ledger SET reason = 'edited' WHERE account_id = $1 AND seq = 2", [account]);
      await tx.query('DELETE FROM ledger_checkpoints WHERE account_id = $1', [account]);
    });
    const found = await checkTrees(world.db, world.keysDirectory, null);
    expect(found.map(({ detail }) => detail)).toEqual([
      expect.stringContaining('entries 1 to 5 are not those that the checkpoint over 5 was signed for') as string,
    ]);
  });
});
