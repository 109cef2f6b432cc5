import { batchIds, type AccountUuid, type BatchUuid } from '@rushes/contract';
import type { Database } from '../db/index.ts';
import { firstSeqNotBefore, type LedgerViolation } from '../ledger/index.ts';

/** What an account was charged in a period, and what of it no generation stands behind. */
export interface ChargeSums {
  readonly charges: number;
  readonly chargedCredits: number;
  readonly refunds: number;
  readonly refundedCredits: number;
  readonly forfeits: number;
  readonly forfeitedCredits: number;
  readonly reversals: number;
  readonly reversedCredits: number;
  /** Refunded or forfeited although the upstream made something: out of time, or not to be fetched. */
  readonly unchargedGenerations: number;
  readonly findings: readonly LedgerViolation[];
}

interface RangeRow {
  readonly kind: 'charge' | 'refund' | 'forfeit' | 'reversal';
  readonly entries: number;
  readonly credits: number;
  readonly uncharged: number;
  readonly examples: readonly { batch: BatchUuid; task: number; seq: number }[] | null;
}

/** 0.2 s at most, so that no statement grows with the account. */
const ENTRIES_PER_STATEMENT = 50_000;
const FINDINGS_PER_ACCOUNT = 100;

/**
 * A charge without a generation: its task names nothing at an upstream that served it. Joined by primary key, with no regard
 * to whether the task says it succeeded: that is the ledger's own check.
 */
const SUMS = /* sql */ `
SELECT e.kind, count(*) AS entries, sum(e.amount) AS credits,
  count(*) FILTER (WHERE e.kind IN ('refund', 'forfeit') AND t.upstream_id IS NOT NULL
    AND t.failure_type NOT IN ('provider_error', 'moderation_input', 'moderation_output')) AS uncharged,
  (array_agg(jsonb_build_object('batch', e.batch_id, 'task', e.task_index, 'seq', e.seq) ORDER BY e.seq)
    FILTER (WHERE e.kind = 'charge' AND t.upstream_id IS NULL))[1:${FINDINGS_PER_ACCOUNT}] AS examples
FROM credit_ledger e
LEFT JOIN tasks t ON t.account_id = e.account_id AND t.batch_id = e.batch_id AND t.task_index = e.task_index
WHERE e.account_id = $1 AND e.seq >= $2 AND e.seq < $3 AND e.kind IN ('charge', 'refund', 'forfeit', 'reversal')
GROUP BY e.kind`;

/** The sums of one account's entries of a period. Throws `LedgerGap`. */
export async function chargeSums(
  db: Database,
  accountUuid: AccountUuid,
  { from, to }: { readonly from: Date; readonly to: Date },
): Promise<ChargeSums> {
  const [account] = await db.query<{ last_seq: number }>('SELECT last_seq FROM credit_accounts WHERE account_id = $1', [
    accountUuid,
  ]);
  const lastSeq = account?.last_seq ?? 0;
  const first = await firstSeqNotBefore(db, accountUuid, lastSeq, from.toISOString());
  const behind = await firstSeqNotBefore(db, accountUuid, lastSeq, to.toISOString());
  const entries = { charge: 0, refund: 0, forfeit: 0, reversal: 0 };
  const credits = { charge: 0, refund: 0, forfeit: 0, reversal: 0 };
  const findings: LedgerViolation[] = [];
  let unchargedGenerations = 0;
  for (let at = first; at < behind; at += ENTRIES_PER_STATEMENT) {
    const rows = await db.query<RangeRow>(SUMS, [accountUuid, at, Math.min(at + ENTRIES_PER_STATEMENT, behind)]);
    for (const row of rows) {
      entries[row.kind] += row.entries;
      credits[row.kind] += row.credits;
      unchargedGenerations += row.uncharged;
      for (const { batch, task, seq } of row.examples ?? []) {
        if (findings.length === FINDINGS_PER_ACCOUNT) break;
        const detail = `entry ${seq} charges task ${task} of batch ${batchIds.format(batch)}, but the task has no generation`;
        findings.push({ accountUuid, rule: 'charge_without_generation', detail });
      }
    }
  }
  return {
    charges: entries.charge,
    chargedCredits: credits.charge,
    refunds: entries.refund,
    refundedCredits: credits.refund,
    forfeits: entries.forfeit,
    forfeitedCredits: credits.forfeit,
    reversals: entries.reversal,
    reversedCredits: credits.reversal,
    unchargedGenerations,
    findings,
  };
}
