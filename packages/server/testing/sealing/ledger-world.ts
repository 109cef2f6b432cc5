/** A database, a key directory and sealers whose rounds a test runs, for tests of sealing. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { AccountUuid } from '@rushes/contract';
import { createTestDatabase } from '../database.ts';
import { silentLogger } from '../silent-logger.ts';
import { createAccount } from '../../src/accounts/index.ts';
import { openDatabase, type Database } from '../../src/db/index.ts';
import { systemClock, systemRandom } from '../../src/system/index.ts';
import { createSealer, type SealerOptions, type SteppedSealer } from '../../src/sealing/sealer.ts';

export const SERVER_NAME = 'ledger.test';

export interface LedgerWorld {
  readonly db: Database;
  /** Superuser. */
  readonly admin: Database;
  readonly keysDirectory: string;
  sealer(overrides?: Partial<SealerOptions>): SteppedSealer;
  account(): Promise<AccountUuid>;
  /** `count` grants of 1 credit, after those there are. */
  grant(accountUuid: AccountUuid, count: number): Promise<void>;
  /** Ends the lease of whoever holds it, as time would. */
  endLease(): Promise<void>;
  /**
   * Puts an account's rows back to what they were when it had `size` entries, sealed ones included, as the restore of a
   * backup would.
   */
  restore(accountUuid: AccountUuid, size: number): Promise<void>;
  close(): Promise<void>;
}

export async function openLedgerWorld(): Promise<LedgerWorld> {
  const database = await createTestDatabase();
  const open = (url: string): Database =>
    openDatabase({ url, applicationName: 'test', maxConnections: 8, onConnectionError: () => undefined });
  const db = open(database.appUrl);
  const admin = open(database.adminUrl);
  const root = await mkdtemp(path.join(tmpdir(), 'rushes-sealing-'));
  const keysDirectory = path.join(root, 'ledger-keys');
  const sealers: SteppedSealer[] = [];
  return {
    db,
    admin,
    keysDirectory,
    sealer(overrides = {}) {
      const sealer = createSealer({
        db,
        clock: systemClock,
        random: systemRandom,
        logger: silentLogger,
        keysDirectory,
        serverName: SERVER_NAME,
        ...overrides,
      });
      sealers.push(sealer);
      return sealer;
    },
    account: () => createAccount(db, systemRandom, { name: 'Test', plan: 'enterprise', mode: 'test' }),
    async grant(accountUuid, count) {
      await db.query(
        `SELECT issue_credits($1, 'grant', 1, '=1+1 "é"', $3::text || n) FROM generate_series(1, $2::integer) n`,
        [accountUuid, count, `${randomUUID()}-`],
      );
    },
    async endLease() {
      await admin.query("UPDATE ledger_sealer SET lease_until = '-infinity'");
    },
    async restore(accountUuid, size) {
      const saved = await admin.query<{ size: number; frontier: Uint8Array; root: Uint8Array; checkpoint: string }>(
        'SELECT size, frontier, root, checkpoint FROM test_saved_trees WHERE account_id = $1 AND size = $2',
        [accountUuid, size],
      );
      await admin.transaction(async (tx) => {
        await tx.query('SET LOCAL session_replication_role = replica');
        await tx.query('DELETE FROM credit_ledger WHERE account_id = $1 AND seq > $2', [accountUuid, size]);
        await tx.query(
          `UPDATE credit_accounts c SET available = e.available_after, reserved = e.reserved_after, spent = e.spent_after,
             issued = e.available_after + e.reserved_after + e.spent_after, last_seq = e.seq, last_entry_at = e.created_at
           FROM credit_ledger e WHERE c.account_id = $1 AND e.account_id = $1 AND e.seq = $2`,
          [accountUuid, size],
        );
        await tx.query('DELETE FROM ledger_checkpoints WHERE account_id = $1 AND size > $2', [accountUuid, size]);
        await tx.query(
          'DELETE FROM ledger_tree_nodes WHERE account_id = $1 AND (node_index + 1) * (1::bigint << level) > $2',
          [accountUuid, size],
        );
        const tree = saved[0];
        if (tree === undefined) throw new Error(`no tree of ${size} entries was saved`);
        await tx.query(
          'UPDATE ledger_trees SET size = $2, frontier = $3, root = $4, checkpoint = $5, refused_reason = NULL WHERE account_id = $1',
          [accountUuid, tree.size, tree.frontier, tree.root, tree.checkpoint],
        );
      });
    },
    async close() {
      for (const sealer of sealers) await sealer.close();
      await Promise.all([db.close(), admin.close()]);
      await database.drop();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** Keeps every state of every tree from now on, for `restore`. */
export async function saveTrees(world: LedgerWorld): Promise<void> {
  await world.admin.query(`
    CREATE TABLE test_saved_trees AS SELECT account_id, size, frontier, root, checkpoint FROM ledger_trees;
    CREATE FUNCTION test_save_tree() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
      INSERT INTO public.test_saved_trees VALUES (NEW.account_id, NEW.size, NEW.frontier, NEW.root, NEW.checkpoint);
      RETURN NULL;
    END $$;
    CREATE TRIGGER test_save_tree AFTER UPDATE ON ledger_trees FOR EACH ROW EXECUTE FUNCTION test_save_tree();`);
}
