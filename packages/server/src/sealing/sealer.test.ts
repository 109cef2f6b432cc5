import { appendFile, readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AccountUuid } from '@rushes/contract';
import { LeafHasher, readEntries } from '../ledger/index.ts';
import { checkLedger } from '../checking/check-ledger.ts';
import { checkpointLogFile } from './checkpoint-lines.ts';
import {
  checkTrees,
  consistencyPath,
  inclusionPath,
  latestCheckpoint,
  openEpoch,
  openExport,
  publishedKeys,
} from './index.ts';
import { rotateKey } from './key-ring.ts';
import { isSignedBy, parseCheckpoint, parseVerifierKey } from './note.ts';
import { originOf } from './origin.ts';
import { openLedgerWorld, saveTrees, SERVER_NAME, type LedgerWorld } from '../../testing/sealing/ledger-world.ts';
import * as definition from '../../../sdk/test/tree-by-definition.ts';

let world: LedgerWorld;
beforeAll(async () => {
  world = await openLedgerWorld();
  await saveTrees(world);
});
afterAll(async () => {
  await world.close();
});

async function leavesOf(accountUuid: AccountUuid): Promise<Buffer[]> {
  const hasher = new LeafHasher(accountUuid);
  const [account] = await world.db.query<{ last_seq: number }>(
    'SELECT last_seq FROM credit_accounts WHERE account_id = $1',
    [accountUuid],
  );
  const leaves: Buffer[] = [];
  for await (const page of readEntries(world.db, accountUuid, 1, account!.last_seq)) {
    for (const row of page) leaves.push(hasher.hash(row));
  }
  return leaves;
}

async function sealAll(): Promise<void> {
  const sealer = world.sealer();
  await world.endLease();
  while (!(await sealer.round()));
  await sealer.close();
}

async function operatorEvents(
  accountUuid: AccountUuid | null,
): Promise<{ type: string; detail: Record<string, unknown> }[]> {
  return world.admin.query(
    'SELECT type, detail FROM operator_events WHERE account_id IS NOT DISTINCT FROM $1 ORDER BY created_at',
    [accountUuid],
  );
}

async function logLines(accountUuid: AccountUuid): Promise<{ size: number; epoch: number }[]> {
  const text = await readFile(checkpointLogFile(world.keysDirectory), 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { checkpoint: string; epoch: number })
    .map(({ checkpoint, epoch }) => ({ ...parseCheckpoint(checkpoint)!, epoch }))
    .filter(({ origin }) => origin.startsWith(originOf(SERVER_NAME, accountUuid, 1)))
    .map(({ size, epoch }) => ({ size, epoch }));
}

describe('sealing', () => {
  it('brings every entry under a signed checkpoint over the tree that RFC 6962 defines, however entries come', async () => {
    const account = await world.account();
    const keys = async () => (await publishedKeys(world.db)).map(({ key }) => parseVerifierKey(key)!);
    for (const count of [1, 1, 1, 4, 250, 255, 1, 600]) {
      await world.grant(account, count);
      await sealAll();
      const leaves = await leavesOf(account);
      const tree = (await latestCheckpoint(world.db, account))!;
      expect(parseCheckpoint(tree.checkpoint)).toEqual({
        origin: originOf(SERVER_NAME, account, 1),
        size: leaves.length,
        root: definition.root(leaves),
      });
      expect(isSignedBy(tree.checkpoint, await keys())).toBe(true);
      expect(
        isSignedBy(tree.checkpoint.replace(`\n${leaves.length}\n`, `\n${leaves.length + 1}\n`), await keys()),
      ).toBe(false);
    }
  });

  it('proves the inclusion of any entry and the consistency of any two sizes', async () => {
    const account = await world.account();
    await world.grant(account, 777);
    await sealAll();
    const leaves = await leavesOf(account);
    const sizes = [1, 2, 3, 8, 255, 256, 257, 300, 511, 512, 513, 768, 770, 777];
    for (const size of sizes) {
      const tree = leaves.slice(0, size);
      for (const seq of new Set([1, 2, Math.ceil(size / 2), size - 1, size].filter((one) => one > 0 && one <= size))) {
        const proof = await inclusionPath(world.db, account, { epoch: 1, seq, size });
        expect(proof, `${seq} in ${size}`).toEqual(definition.inclusionPath(seq - 1, tree));
      }
      for (const from of sizes.filter((one) => one <= size)) {
        const proof = await consistencyPath(world.db, account, { epoch: 1, from, to: size });
        expect(proof, `${from} to ${size}`).toEqual(definition.consistencyPath(from, tree));
      }
    }
  }, 60_000);

  it('costs the same however many entries are sealed already: the frontier is all it reads of them', async () => {
    const account = await world.account();
    await world.grant(account, 300);
    await sealAll();
    await world.admin.transaction(async (tx) => {
      await tx.query('SET LOCAL session_replication_role = replica');
      await tx.query("UPDATE credit_ledger SET reason = 'edited' WHERE account_id = $1 AND seq = 7", [account]);
    });
    await world.grant(account, 1);
    await sealAll();
    // It did not look at entry 7 again: that is the check's business, which names the range of the edit.
    expect((await latestCheckpoint(world.db, account))?.size).toBe(301);
    expect(await checkTrees(world.db, world.keysDirectory, account)).toEqual([
      {
        accountUuid: account,
        rule: 'checkpoint_root',
        detail: expect.stringContaining('entries 1 to 300 are not those') as string,
      },
    ]);
  });

  it('signs nothing twice when it dies between the log and the publication', async () => {
    const account = await world.account();
    await world.grant(account, 5);
    await world.endLease();
    const dying = world.sealer({
      atStep: async (step) => {
        if (step === 'logged') throw new Error('killed');
      },
    });
    await expect(dying.round()).rejects.toThrow('killed');
    expect(await latestCheckpoint(world.db, account)).toBeNull();
    expect(await logLines(account)).toEqual([{ size: 5, epoch: 1 }]);
    await world.grant(account, 2);
    await sealAll();
    expect(await logLines(account)).toEqual([
      { size: 5, epoch: 1 },
      { size: 7, epoch: 1 },
    ]);
    expect(await operatorEvents(account)).toEqual([]);
    await dying.close();
  });

  it('publishes what was logged by a sealer that died, without logging it again', async () => {
    const account = await world.account();
    await world.grant(account, 3);
    await world.endLease();
    const dying = world.sealer({
      atStep: (step) => (step === 'logged' ? Promise.reject(new Error('killed')) : Promise.resolve()),
    });
    await expect(dying.round()).rejects.toThrow('killed');
    await sealAll();
    expect((await latestCheckpoint(world.db, account))?.size).toBe(3);
    expect(await logLines(account)).toEqual([{ size: 3, epoch: 1 }]);
  });

  it('publishes nothing that is not in the log', async () => {
    const account = await world.account();
    await world.grant(account, 3);
    await world.endLease();
    const dying = world.sealer({
      atStep: (step) => (step === 'signed' ? Promise.reject(new Error('killed')) : Promise.resolve()),
    });
    await expect(dying.round()).rejects.toThrow('killed');
    expect(await logLines(account)).toEqual([]);
    expect(await latestCheckpoint(world.db, account)).toBeNull();
  });

  it('cuts off a line of the log that a crash left half written', async () => {
    const account = await world.account();
    await world.grant(account, 1);
    await sealAll();
    await appendFile(checkpointLogFile(world.keysDirectory), '{"account_id":"acct_');
    await world.grant(account, 1);
    await sealAll();
    expect(await logLines(account)).toEqual([
      { size: 1, epoch: 1 },
      { size: 2, epoch: 1 },
    ]);
  });

  it('is done by one process at a time, and by another when that one is gone', async () => {
    const account = await world.account();
    await world.grant(account, 1);
    await world.endLease();
    const [one, other] = [world.sealer(), world.sealer()];
    await one.round();
    await world.grant(account, 1);
    await other.round();
    expect((await latestCheckpoint(world.db, account))?.size).toBe(1);
    await one.close();
    await other.round();
    expect((await latestCheckpoint(world.db, account))?.size).toBe(2);
    await other.close();
  });

  it('is not done by a process that was stopped past its lease, and its line in the log does no harm', async () => {
    const account = await world.account();
    await world.grant(account, 1);
    await world.endLease();
    const stopped = world.sealer({
      atStep: async (step) => {
        if (step !== 'logged') return;
        await world.grant(account, 1);
        await sealAll();
      },
    });
    await expect(stopped.round()).rejects.toThrow('another process seals now');
    expect((await latestCheckpoint(world.db, account))?.size).toBe(2);
    await world.grant(account, 1);
    await sealAll();
    expect((await latestCheckpoint(world.db, account))?.size).toBe(3);
    expect(await checkTrees(world.db, world.keysDirectory, account)).toEqual([]);
  });

  it('is refused to a machine with keys of its own', async () => {
    const account = await world.account();
    await world.grant(account, 1);
    await world.endLease();
    const foreign = world.sealer({ keysDirectory: path.join(world.keysDirectory, 'foreign') });
    await foreign.round();
    expect(await latestCheckpoint(world.db, account)).toBeNull();
    expect((await operatorEvents(null)).map(({ type }) => type)).toEqual(['ledger.foreign_key']);
    // And such a machine's check does not take the others' checkpoints for forgeries.
    await sealAll();
    expect(await checkTrees(world.db, path.join(world.keysDirectory, 'foreign'), account)).toEqual([]);
  });

  it('goes on with a new key after a rotation, and the old one stays published', async () => {
    const account = await world.account();
    await world.grant(account, 1);
    await sealAll();
    const before = (await latestCheckpoint(world.db, account))!;
    const old = await publishedKeys(world.db);
    rotateKey(world.keysDirectory, new Date());
    await world.grant(account, 1);
    await sealAll();
    const after = (await latestCheckpoint(world.db, account))!;
    const keys = await publishedKeys(world.db);
    expect(keys.slice(0, -1).map(({ key }) => key)).toEqual(old.map(({ key }) => key));
    expect(keys.map(({ status }) => status)).toEqual([...old.map(() => 'retired'), 'active']);
    const verifiers = keys.map(({ key }) => parseVerifierKey(key)!);
    expect(isSignedBy(before.checkpoint, verifiers.slice(0, -1))).toBe(true);
    expect(isSignedBy(after.checkpoint, verifiers.slice(-1))).toBe(true);
    expect(isSignedBy(after.checkpoint, verifiers.slice(0, -1))).toBe(false);
    expect(await checkTrees(world.db, world.keysDirectory, account)).toEqual([]);
  });
});

describe('a database restored to an earlier time', () => {
  it('is noticed although nothing is written to it, and nothing is signed', async () => {
    const account = await world.account();
    await world.grant(account, 3);
    await sealAll();
    await world.grant(account, 3);
    await sealAll();
    await world.restore(account, 3);
    await sealAll();
    expect(await operatorEvents(account)).toEqual([
      { type: 'ledger.sealing_refused', detail: { reason: 'behind_the_log', detail: expect.any(String) as string } },
    ]);
    await world.grant(account, 1);
    await sealAll();
    expect((await latestCheckpoint(world.db, account))?.size).toBe(3);
    // Said once.
    expect(await operatorEvents(account)).toHaveLength(1);
    expect((await checkTrees(world.db, world.keysDirectory, account)).map(({ rule }) => rule)).toEqual([
      'checkpoint_root',
    ]);
  });

  it('is still noticed when it has grown past what was signed', async () => {
    const account = await world.account();
    await world.grant(account, 3);
    await sealAll();
    await world.grant(account, 3);
    await sealAll();
    await world.restore(account, 3);
    await world.grant(account, 300);
    await sealAll();
    expect((await operatorEvents(account)).map(({ detail }) => detail['reason'])).toEqual(['forked']);
    expect((await latestCheckpoint(world.db, account))?.size).toBe(3);
  });

  it('keeps the sealer from resting for no backlog of entries that it refuses to sign', async () => {
    const account = await world.account();
    await world.grant(account, 3);
    await sealAll();
    await world.grant(account, 3);
    await sealAll();
    await world.restore(account, 3);
    await world.admin.query(
      `SELECT issue_credits($1, 'grant', 1, 'backlog', 'backlog-' || g) FROM generate_series(1, 10001) g`,
      [account],
    );
    const sealer = world.sealer();
    await world.endLease();
    expect(await sealer.round()).toBe(true);
    expect((await operatorEvents(account)).map(({ detail }) => detail['reason'])).toEqual(['forked']);
    await sealer.close();
  });

  it('goes on in a new epoch that an operator opens, told to the customer with both checkpoints', async () => {
    const account = await world.account();
    await world.grant(account, 2);
    await sealAll();
    await world.grant(account, 2);
    await sealAll();
    const lost = (await latestCheckpoint(world.db, account))!;
    await world.restore(account, 2);
    await world.grant(account, 1);
    await sealAll();
    const opened = await openEpoch(world.db, world.keysDirectory, account, 'restored from the backup of 3 a.m.');
    expect(opened).toEqual({ epoch: 2, previousCheckpoint: lost.checkpoint });
    await sealAll();
    const tree = (await latestCheckpoint(world.db, account))!;
    expect(parseCheckpoint(tree.checkpoint)).toEqual({
      origin: `${originOf(SERVER_NAME, account, 1)}/epoch-2`,
      size: 3,
      root: definition.root(await leavesOf(account)),
    });
    const events = await world.admin.query<{ data: object }>(
      "SELECT data FROM events WHERE account_id = $1 AND type = 'ledger.epoch_opened'",
      [account],
    );
    expect(events.map(({ data }) => data)).toEqual([
      {
        epoch: 2,
        reason: 'restored from the backup of 3 a.m.',
        previous_checkpoint: lost.checkpoint,
        checkpoint: tree.checkpoint,
      },
    ]);
    const { header } = await openExport(world.db, account, { from: null, to: null });
    expect(header.checkpoint).toBe(tree.checkpoint);
    expect(header.previous_epochs).toEqual([
      {
        epoch: 1,
        last_checkpoint: lost.checkpoint,
        first_checkpoint: tree.checkpoint,
        reason: 'restored from the backup of 3 a.m.',
        opened_at: expect.any(String) as string,
      },
    ]);
    expect(await checkTrees(world.db, world.keysDirectory, account)).toEqual([]);
  });

  it('cannot be hidden by an account that was never signed for', async () => {
    expect(await openEpoch(world.db, world.keysDirectory, await world.account(), 'no reason')).toBeNull();
  });
});

describe('a rewritten history', () => {
  it('that passes every invariant of the database is caught against the checkpoints, with its range', async () => {
    const account = await world.account();
    for (const count of [10, 10, 10]) {
      await world.grant(account, count);
      await sealAll();
    }
    // A superuser takes entry 15 out of the world: amounts, numbers and balances all add up again, and so does the tree.
    await world.admin.transaction(async (tx) => {
      await tx.query('SET LOCAL session_replication_role = replica');
      await tx.query('DELETE FROM credit_ledger WHERE account_id = $1 AND seq = 15', [account]);
      await tx.query(
        'UPDATE credit_ledger SET seq = seq - 1, available_after = available_after - 1 WHERE account_id = $1 AND seq > 15',
        [account],
      );
      await tx.query('UPDATE credit_accounts SET available = 29, issued = 29, last_seq = 29 WHERE account_id = $1', [
        account,
      ]);
    });
    expect(await checkLedger(world.db, account)).toEqual([]);
    const [violation] = await checkTrees(world.db, world.keysDirectory, account);
    expect(violation?.detail).toContain('entries 11 to 20 are not those that the checkpoint over 20 was signed for');
  });

  it('with every checkpoint in the database gone is caught by the log', async () => {
    const account = await world.account();
    await world.grant(account, 4);
    await sealAll();
    await world.admin.transaction(async (tx) => {
      await tx.query('SET LOCAL session_replication_role = replica');
      await tx.query("UPDATE credit_ledger SET reason = 'another' WHERE account_id = $1 AND seq = 2", [account]);
      await tx.query('DELETE FROM ledger_checkpoints WHERE account_id = $1', [account]);
      await tx.query('DELETE FROM ledger_trees WHERE account_id = $1', [account]);
    });
    await sealAll();
    expect(await latestCheckpoint(world.db, account)).toBeNull();
    expect((await operatorEvents(account)).map(({ detail }) => detail['reason'])).toEqual(['forked']);
    expect(await checkTrees(world.db, world.keysDirectory, account)).toHaveLength(1);
  });
});
