import type { Queryable } from '../db/index.ts';

export interface CreditIssue {
  readonly accountUuid: string;
  readonly kind: 'purchase' | 'grant';
  readonly amount: number;
  /** For the customer to read. */
  readonly reason: string;
  /** Names this issue for ever: the same reference never issues twice. */
  readonly reference: string;
}

/**
 * Books a purchase or a grant. Rejects with a unique violation when the reference stands on another issue, and with a
 * check violation when the account would hold more than 2^53 - 1 credits.
 */
export async function issueCredits(db: Queryable, issue: CreditIssue): Promise<'issued' | 'already_issued'> {
  const { accountUuid, kind, amount, reason, reference } = issue;
  if (!Number.isSafeInteger(amount) || amount <= 0) throw new RangeError(`${amount} is no number of credits to issue`);
  const [row] = await db.query<{ answer: 'issued' | 'already_issued' }>(
    'SELECT issue_credits($1, $2, $3, $4, $5) AS answer',
    [accountUuid, kind, amount, reason, reference],
  );
  if (row === undefined) throw new Error('issue_credits gave no answer');
  return row.answer;
}
