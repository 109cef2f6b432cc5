/**
 * What an operator does to an account. Each is done and recorded, with who did it, in one transaction; a repetition by the
 * same reference changes nothing and records nothing.
 */
import { accountIds, type AccountStatus, type Terms, type AccountUuid } from '@rushes/contract';
import type { Database, Queryable } from '../db/index.ts';
import { issueCredits, reverseEntry, revokeCredits } from '../ledger/index.ts';
import type { Random } from '../ports.ts';
import { accept, refuse, type Outcome } from '../outcome/index.ts';

export interface AdminContext {
  readonly db: Database;
  readonly random: Random;
  /** `key:key_…` or `command:user@host`. */
  readonly actor: string;
}

export interface Justified {
  readonly accountUuid: AccountUuid;
  /** For the customer to read, in the ledger. */
  readonly reason: string;
  /** Names this for ever: the same reference never does it twice. */
  readonly reference: string;
}

export type Done = Outcome<{ readonly replayed: boolean }>;

function conflict(what: string, reference: string): Outcome<never> {
  return refuse({
    code: 'request_id_conflict',
    detail: `The reference ${reference} was used for another ${what} of this account. Use a new reference.`,
    param: 'reference',
  });
}

async function record(
  tx: Queryable,
  { random, actor }: AdminContext,
  action: string,
  { accountUuid, reference, ...detail }: { accountUuid: AccountUuid; reference?: string } & Record<string, unknown>,
): Promise<void> {
  await tx.query(
    `INSERT INTO operator_actions (account_id, action_id, actor, action, reference, detail, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, rushes_now())`,
    [accountUuid, random.uuid(), actor, action, reference ?? null, detail],
  );
}

async function isKnown(db: Queryable, accountUuid: AccountUuid): Promise<boolean> {
  return (await db.query('SELECT 1 FROM credit_accounts WHERE account_id = $1', [accountUuid])).length > 0;
}

function noAccount(accountUuid: AccountUuid): Outcome<never> {
  return refuse({ code: 'not_found', detail: `There is no account ${accountIds.format(accountUuid)}.` });
}

export interface Issue extends Justified {
  readonly kind: 'purchase' | 'grant';
  readonly amount: number;
}

/** Credits that were paid for, or given. */
export async function issue(context: AdminContext, request: Issue): Promise<Done> {
  if (!(await isKnown(context.db, request.accountUuid))) return noAccount(request.accountUuid);
  return context.db.transaction(async (tx): Promise<Done> => {
    const answer = await issueCredits(tx, request);
    switch (answer) {
      case 'issued': {
        await record(tx, context, request.kind, { ...request });
        return accept({ replayed: false });
      }
      case 'already_issued': {
        return accept({ replayed: true });
      }
      case 'reference_taken': {
        return conflict('purchase or grant', request.reference);
      }
      case 'too_much': {
        const detail = 'The account would have more than 9007199254740991 credits. Check the amount.';
        return refuse({ code: 'invalid_request', detail, param: 'credits' });
      }
    }
  });
}

export interface ReversalRequest extends Justified {
  readonly seq: number;
  /** Null: all that is left of the entry. */
  readonly amount: number | null;
}

/** Gives back what a charge or forfeit took: a dispute granted, or an error of ours. */
export async function reverse(context: AdminContext, request: ReversalRequest): Promise<Done> {
  if (!(await isKnown(context.db, request.accountUuid))) return noAccount(request.accountUuid);
  return context.db.transaction(async (tx): Promise<Done> => {
    const answer = await reverseEntry(tx, request);
    switch (answer) {
      case 'reversed': {
        await record(tx, context, 'reversal', { ...request });
        return accept({ replayed: false });
      }
      case 'already_reversed': {
        return accept({ replayed: true });
      }
      case 'reference_conflict': {
        return conflict('reversal', request.reference);
      }
      case 'no_such_entry': {
        return refuse({ code: 'not_found', detail: `The account has no entry ${request.seq}.` });
      }
      case 'not_reversible': {
        const detail = `Entry ${request.seq} is not a charge or a forfeit. Only these can be reversed.`;
        return refuse({ code: 'state_conflict', detail, param: 'seq' });
      }
      case 'exceeds_entry': {
        const detail = `Entry ${request.seq} has fewer credits left to reverse. Reversals cannot give back more than the entry took.`;
        return refuse({ code: 'state_conflict', detail, param: 'amount' });
      }
    }
  });
}

export interface RevocationRequest extends Justified {
  readonly amount: number;
}

/** Takes credits back whose payment did not last. */
export async function revoke(context: AdminContext, request: RevocationRequest): Promise<Done> {
  if (!(await isKnown(context.db, request.accountUuid))) return noAccount(request.accountUuid);
  return context.db.transaction(async (tx): Promise<Done> => {
    const answer = await revokeCredits(tx, request);
    if (answer === 'reference_conflict') return conflict('revocation', request.reference);
    if (answer === 'too_much') {
      return refuse({
        code: 'invalid_request',
        detail: 'The debt of this account would be more than 2^53 - 1 credits. Nothing was revoked. Check the amount.',
        param: 'credits',
      });
    }
    if (answer === 'revoked') await record(tx, context, 'revocation', { ...request });
    return accept({ replayed: answer === 'already_revoked' });
  });
}

/**
 * Sets what becomes of tasks that fail for a negotiable reason, for batches created from now on: a batch keeps the terms it
 * was created under.
 */
export async function setTerms(
  context: AdminContext,
  accountUuid: AccountUuid,
  terms: Partial<Terms>,
): Promise<Outcome<{ readonly terms: Partial<Terms> }>> {
  return context.db.transaction(async (tx) => {
    const [row] = await tx.query<{ terms: Partial<Terms> }>(
      'UPDATE accounts SET terms = terms || $2::jsonb WHERE account_id = $1 RETURNING terms',
      [accountUuid, JSON.stringify(terms)],
    );
    if (row === undefined) return noAccount(accountUuid);
    await record(tx, context, 'terms', { accountUuid, terms });
    return accept({ terms: row.terms });
  });
}

/** Lets an account reserve again that a violation of the ledger had blocked. */
export async function unblock(context: AdminContext, accountUuid: AccountUuid, reason: string): Promise<Done> {
  return context.db.transaction(async (tx): Promise<Done> => {
    const [account] = await tx.query<{ status: AccountStatus }>(
      'SELECT status FROM accounts WHERE account_id = $1 FOR UPDATE',
      [accountUuid],
    );
    if (account === undefined) return noAccount(accountUuid);
    if (account.status === 'active') return accept({ replayed: true });
    if (account.status !== 'blocked') {
      return refuse({ code: 'state_conflict', detail: `The account is ${account.status}, not blocked.` });
    }
    await tx.query(`UPDATE accounts SET status = 'active' WHERE account_id = $1`, [accountUuid]);
    await record(tx, context, 'unblock', { accountUuid, reason });
    return accept({ replayed: false });
  });
}
