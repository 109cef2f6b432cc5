import type { Credits, AccountUuid } from '@rushes/contract';
import type { Queryable } from '../db/index.ts';

/** An account's buckets as they stand now. `issued` = available + reserved + spent, always. */
export async function credits(db: Queryable, accountUuid: AccountUuid): Promise<Credits> {
  const [row] = await db.query<Credits>(
    'SELECT available, reserved, spent, issued, debt FROM credit_accounts WHERE account_id = $1',
    [accountUuid],
  );
  if (row === undefined) throw new Error(`account ${accountUuid} has no credit account`);
  return row;
}
