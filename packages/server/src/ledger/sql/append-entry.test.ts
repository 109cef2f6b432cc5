/** An entry moves credits as its kind says, and the ledger takes no other. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AccountUuid } from '@rushes/contract';
import { openAccount, openWorld, type World } from '../../../testing/batches/world.ts';
import { ENTRY_MOVES } from './entry-buckets.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const BATCH = '00000000-0000-4000-8000-000000000001';
const KINDS = Object.entries(ENTRY_MOVES);
type Buckets = Record<string, number>;

/** The columns that the CHECKs of the table ask of a kind. */
function columnsOf(kind: string): readonly [batch: string | null, task: number | null, reverses: number | null] {
  const isOfTask = ['charge', 'refund', 'forfeit'].includes(kind);
  return [isOfTask || kind === 'reserve' ? BATCH : null, isOfTask ? 0 : null, kind === 'reversal' ? 1 : null];
}

/** An account with 100 credits in each bucket, by entries that are there. */
async function filledAccount(): Promise<AccountUuid> {
  const { accountUuid } = await openAccount(world, 300);
  await world.admin.query(`SELECT append_entry($1, 'reserve', 200, $2, NULL, NULL, NULL, NULL)`, [accountUuid, BATCH]);
  await world.admin.query(`SELECT append_entry($1, 'charge', 100, $2, 99, NULL, NULL, NULL)`, [accountUuid, BATCH]);
  return accountUuid;
}

async function buckets(accountUuid: AccountUuid): Promise<Buckets> {
  const [row] = await world.admin.query<Buckets>(
    'SELECT available, reserved, spent, issued, last_seq FROM credit_accounts WHERE account_id = $1',
    [accountUuid],
  );
  return row!;
}

describe('append_entry', () => {
  it.each(KINDS.filter(([kind]) => kind !== 'reserve'))(
    '%s moves its amount between its two buckets',
    async (kind, move) => {
      const account = await filledAccount();
      const before = await buckets(account);
      const [row] = await world.admin.query<{ seq: number }>(
        `SELECT append_entry($1, $2, 7, $3, $4, $5, 'r', 'r') AS seq`,
        [account, kind, ...columnsOf(kind)],
      );
      const change = (bucket: string): number => (move.to === bucket ? 7 : 0) - (move.from === bucket ? 7 : 0);
      const expected = {
        available: before['available']! + change('available'),
        reserved: before['reserved']! + change('reserved'),
        spent: before['spent']! + change('spent'),
      };
      expect(await buckets(account)).toEqual({
        ...expected,
        issued: before['issued']! - change('external'),
        last_seq: before['last_seq']! + 1,
      });
      const entries = await world.admin.query(
        `SELECT kind, from_bucket, to_bucket, amount, available_after, reserved_after, spent_after FROM credit_ledger
       WHERE account_id = $1 AND seq = $2`,
        [account, row!.seq],
      );
      expect(entries).toEqual([
        {
          kind,
          from_bucket: move.from,
          to_bucket: move.to,
          amount: 7,
          available_after: expected.available,
          reserved_after: expected.reserved,
          spent_after: expected.spent,
        },
      ]);
    },
  );

  it('refuses to take more than a bucket has', async () => {
    const account = await filledAccount();
    await expect(
      world.admin.query(`SELECT append_entry($1, 'revoke', 101, NULL, NULL, NULL, 'r', 'r')`, [account]),
    ).rejects.toThrow('credit_accounts_available_check');
  });

  it('refuses a kind that does not exist', async () => {
    const account = await filledAccount();
    await expect(
      world.admin.query(`SELECT append_entry($1, 'gift', 1, NULL, NULL, NULL, 'r', 'r')`, [account]),
    ).rejects.toThrow('there is no ledger entry of kind gift');
  });
});

describe('the ledger itself', () => {
  const insert = (account: string, kind: string, from: string, to: string): Promise<unknown> =>
    world.admin.query(
      `INSERT INTO credit_ledger (account_id, seq, kind, from_bucket, to_bucket, amount, available_after, reserved_after,
         spent_after, batch_id, task_index, reverses_seq, reason, reference, created_at)
       VALUES ($1, 1000, $2, $3, $4, 1, 1, 1, 1, $5, $6, $7, 'r', 'r', rushes_now())`,
      [account, kind, from, to, ...columnsOf(kind)],
    );

  it.each(KINDS)('refuses %s between other buckets than its own', async (kind, { from, to }) => {
    const account = await filledAccount();
    await expect(insert(account, kind, to, from)).rejects.toThrow('"credit_ledger_check"');
    await expect(insert(account, kind, from, from)).rejects.toThrow('"credit_ledger_check"');
  });

  it('refuses a kind that does not exist', async () => {
    await expect(insert(await filledAccount(), 'gift', 'external', 'available')).rejects.toThrow(
      '"credit_ledger_check"',
    );
  });
});
