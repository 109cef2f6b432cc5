import type { AccountStatus, ModelSpec, BatchUuid } from '@rushes/contract';
import type { Caller } from '../accounts/index.ts';
import type { Queryable } from '../db/index.ts';
import type { Refusal } from '../outcome/index.ts';
import type { Submission } from './submission/index.ts';

export type BatchCaller = Pick<Caller, 'accountUuid' | 'mode' | 'terms'>;

/** State and credits of an account at one moment, and the batch that this request_id created, if any. */
export interface AccountCheck {
  readonly status: AccountStatus;
  readonly available: number;
  readonly debt: number;
  /** The batch that this request_id created. */
  readonly batch_id: BatchUuid | null;
  readonly request_hash: Uint8Array | null;
  readonly endpoint_found: boolean;
}

/** One statement, so that a batch of a concurrent duplicate and the credits that it reserved are seen together. */
export async function readAccountCheck(
  db: Queryable,
  caller: BatchCaller,
  submission: Submission,
): Promise<AccountCheck> {
  const [account] = await db.query<AccountCheck>(
    `SELECT a.status, c.available, c.debt, b.batch_id, b.request_hash, e.endpoint_id IS NOT NULL AS endpoint_found
     FROM accounts a JOIN credit_accounts c ON c.account_id = a.account_id
     LEFT JOIN batches b ON b.account_id = a.account_id AND b.request_id = $2
     LEFT JOIN webhook_endpoints e ON e.account_id = a.account_id AND e.endpoint_id = $3 AND e.deleted_at IS NULL
     WHERE a.account_id = $1`,
    [caller.accountUuid, submission.requestId, submission.webhookEndpointUuid],
  );
  if (account === undefined) throw new Error(`account ${caller.accountUuid} does not exist`);
  return account;
}

export function totalPrice(submission: Submission): number {
  const total = submission.items.length * submission.model.unitPrice;
  if (!Number.isSafeInteger(total)) throw new RangeError(`a batch of ${total} credits has no exact price`);
  return total;
}

export function endpointRefusal(submission: Submission, account: AccountCheck): Refusal | null {
  if (submission.webhookEndpointUuid === null || account.endpoint_found) return null;
  return {
    code: 'invalid_request',
    param: 'webhook_endpoint_id',
    detail: 'This account does not have this webhook endpoint. GET /v1/webhook-endpoints lists its endpoints.',
  };
}

export function retiredRefusal(model: ModelSpec): Refusal | null {
  if (model.lifecycle !== 'retired') return null;
  return {
    code: 'model_retired',
    param: 'model',
    detail: `The model ${model.id} is retired. Use another model; GET /v1/models lists them.`,
  };
}

export function priceRefusal({ model, expectedUnitPrice }: Submission): Refusal | null {
  if (expectedUnitPrice === null || expectedUnitPrice === model.unitPrice) return null;
  return {
    code: 'price_changed',
    param: 'expected_unit_price',
    detail: `A video of ${model.id} costs ${model.unitPrice} credits, not ${expectedUnitPrice} as expected. Nothing was reserved. Send the new price as \`expected_unit_price\` to accept it.`,
  };
}

export function spendLimitRefusal(submission: Submission): Refusal | null {
  const total = totalPrice(submission);
  if (submission.spendLimit === null || total <= submission.spendLimit) return null;
  return {
    code: 'spend_limit_exceeded',
    param: 'spend_limit',
    detail: `The batch costs ${total} credits, more than its spend limit of ${submission.spendLimit}. Nothing was reserved. Raise \`spend_limit\` or send fewer items.`,
  };
}

/** Why this account cannot reserve credits at the moment, or null. */
export function reservationRefusal({ status, debt }: Pick<AccountCheck, 'status' | 'debt'>): Refusal | null {
  if (status === 'suspended' || status === 'terminated') {
    return {
      code: 'account_suspended',
      detail: `The account is ${status}, so it cannot create batches. Ask the operator of this server.`,
    };
  }
  if (debt > 0) {
    const detail = `The account owes ${debt} credits from a revoked payment and cannot create batches. Buy credits: a purchase pays the debt first.`;
    return { code: 'account_in_debt', detail };
  }
  if (status === 'blocked') {
    return {
      code: 'account_blocked',
      detail: 'This account cannot reserve credits, because the operator blocked it. Ask the operator of this server.',
    };
  }
  return null;
}

export function insufficientRefusal(required: number, available: number): Refusal {
  const shortfall = required - available;
  return {
    code: 'insufficient_credits',
    detail:
      `The batch costs ${required} credits and ${available} are available: ${shortfall} are missing. ` +
      'Nothing was reserved. Send the same request, with the same request_id, again when there are enough credits.',
    required,
    available,
    shortfall,
  };
}
