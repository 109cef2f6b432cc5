/** After each of our runs: whether the books add up. A figure whose books do not is thrown away. */
import pg from 'pg';
import type { AccountUuid, BatchUuid } from '@rushes/contract';

export interface Expected {
  readonly batchUuids: readonly BatchUuid[];
  readonly charged: number;
  readonly refunded: number;
}

/** The tables that the view of violations reads, and how each names an account. */
const TABLES = ['credit_ledger', 'credit_accounts', 'credit_holds', 'credit_revocations', 'batches', 'tasks'];

/**
 * Throws unless every expected task has its entry and `ledger_violations` is empty for the given accounts. The view is read
 * through temporary views of its tables that hold these accounts alone, since it reads whole tables otherwise.
 */
export async function checkBooks(
  adminUrl: string,
  accountUuids: readonly AccountUuid[],
  expected: Expected,
): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    const { rows: counted } = await client.query<{ kind: string; entries: string }>(
      `SELECT kind, count(*) AS entries FROM credit_ledger
       WHERE account_id = ANY($1::uuid[]) AND batch_id = ANY($2::uuid[]) AND task_index IS NOT NULL GROUP BY kind`,
      [accountUuids, expected.batchUuids],
    );
    const entries = (kind: string): number => Number(counted.find((row) => row.kind === kind)?.entries ?? '0');
    if (entries('charge') !== expected.charged || entries('refund') !== expected.refunded) {
      throw new Error(
        `${entries('charge')} charges and ${entries('refund')} refunds instead of ${expected.charged} and ${expected.refunded}: the figure is worth nothing`,
      );
    }
    await client.query(`SET work_mem = '256MB'`);
    const { rows: defined } = await client.query<{ sql: string }>(
      `SELECT pg_get_viewdef('ledger_violations'::regclass) AS sql`,
    );
    await client.query('CREATE TEMPORARY TABLE checked_accounts AS SELECT unnest($1::uuid[]) AS account_id', [
      accountUuids,
    ]);
    await client.query('ANALYZE checked_accounts');
    for (const table of TABLES) {
      await client.query(
        `CREATE TEMPORARY VIEW ${table} AS SELECT t.* FROM checked_accounts c JOIN public.${table} t USING (account_id)`,
      );
    }
    const { rows: violations } = await client.query(defined[0]?.sql ?? '');
    if (violations.length > 0) {
      throw new Error(
        `${violations.length} violations, the first: ${JSON.stringify(violations[0])}: the figure is worth nothing`,
      );
    }
  } finally {
    await client.end();
  }
}
