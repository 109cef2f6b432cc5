import type { AccountUuid } from '@rushes/contract';
import type { Queryable } from '../db/index.ts';

export interface Reversal {
  readonly accountUuid: AccountUuid;
  /** The charge or forfeit that is taken back. */
  readonly seq: number;
  /** Null: all that is left of it. */
  readonly amount: number | null;
  /** For the customer to read. */
  readonly reason: string;
  /** Names this reversal for ever: the same reference never reverses twice. */
  readonly reference: string;
}

export type ReversalAnswer =
  'reversed' | 'already_reversed' | 'reference_conflict' | 'no_such_entry' | 'not_reversible' | 'exceeds_entry';

/** Gives back what a charge or a forfeit took, in part or whole. */
export async function reverseEntry(db: Queryable, reversal: Reversal): Promise<ReversalAnswer> {
  const { accountUuid, seq, amount, reason, reference } = reversal;
  const [row] = await db.query<{ answer: ReversalAnswer }>('SELECT reverse_entry($1, $2, $3, $4, $5) AS answer', [
    accountUuid,
    seq,
    amount,
    reason,
    reference,
  ]);
  if (row === undefined) throw new Error('reverse_entry gave no answer');
  return row.answer;
}

export interface Revocation {
  readonly accountUuid: AccountUuid;
  readonly amount: number;
  /** For the customer to read. */
  readonly reason: string;
  /** Names this revocation for ever. */
  readonly reference: string;
}

export type RevocationAnswer = 'revoked' | 'already_revoked' | 'reference_conflict' | 'too_much';

/** Takes credits back whose payment did not last; what is not available becomes the account's debt. */
export async function revokeCredits(db: Queryable, revocation: Revocation): Promise<RevocationAnswer> {
  const { accountUuid, amount, reason, reference } = revocation;
  const [row] = await db.query<{ answer: RevocationAnswer }>('SELECT revoke_credits($1, $2, $3, $4) AS answer', [
    accountUuid,
    amount,
    reason,
    reference,
  ]);
  if (row === undefined) throw new Error('revoke_credits gave no answer');
  return row.answer;
}
