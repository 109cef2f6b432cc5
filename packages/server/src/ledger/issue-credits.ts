import type { AccountUuid } from '@rushes/contract';
import type { Queryable } from '../db/index.ts';

export interface CreditIssue {
  readonly accountUuid: AccountUuid;
  readonly kind: 'purchase' | 'grant';
  readonly amount: number;
  /** For the customer to read. */
  readonly reason: string;
  /** Names this issue for ever: the same reference never issues twice. */
  readonly reference: string;
}

/** `reference_taken`: it stands on another issue. `too_much`: the account would hold more than 2^53 - 1 credits. */
export type IssueAnswer = 'issued' | 'already_issued' | 'reference_taken' | 'too_much';

/** Books a purchase or a grant, once per reference. */
export async function issueCredits(db: Queryable, issue: CreditIssue): Promise<IssueAnswer> {
  const { accountUuid, kind, amount, reason, reference } = issue;
  if (!Number.isSafeInteger(amount) || amount <= 0) throw new RangeError(`${amount} is no number of credits to issue`);
  const [row] = await db.query<{ answer: IssueAnswer }>('SELECT issue_credits($1, $2, $3, $4, $5) AS answer', [
    accountUuid,
    kind,
    amount,
    reason,
    reference,
  ]);
  if (row === undefined) throw new Error('issue_credits gave no answer');
  return row.answer;
}
