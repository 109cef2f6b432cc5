import {
  DEFAULT_TERMS,
  effectiveLimits,
  parseApiKey,
  type AccountLimits,
  type AccountMode,
  type AccountStatus,
  type Plan,
  type Scope,
  type Terms,
  type AccountUuid,
  type KeyUuid,
} from '@rushes/contract';
import type { Queryable } from '../db/index.ts';
import { accept, refuse, type Outcome } from '../outcome/index.ts';
import type { KeyHasher } from './key-hasher.ts';
import { canWrite } from './write-scopes.ts';

/** The sender of a request and what it is allowed to do. */
export interface Caller {
  readonly accountUuid: AccountUuid;
  readonly keyUuid: KeyUuid;
  readonly mode: AccountMode;
  readonly plan: Plan;
  readonly scopes: readonly Scope[];
  readonly accountStatus: AccountStatus;
  /** The account's terms, completed by the default terms. */
  readonly terms: Terms;
  readonly limits: AccountLimits;
}

interface KeyRow {
  readonly key_hash: Uint8Array;
  readonly enabled: boolean;
  readonly scopes: readonly Scope[];
  readonly mode: AccountMode;
  readonly plan: Plan;
  readonly status: AccountStatus;
  readonly terms: Partial<Terms>;
  readonly limits: Partial<AccountLimits>;
}

const UNKNOWN_KEY = 'This API key is not valid. Use a key of this server, exactly as it was shown when it was created.';

/**
 * Finds the caller of an API key. A mistyped or incomplete key fails by its checksum, without a query to the database.
 * The key includes its account, so the look-up needs one row of one account.
 */
export async function authenticate(db: Queryable, hasher: KeyHasher, text: string): Promise<Outcome<Caller>> {
  const parsed = parseApiKey(text);
  if (parsed === null) {
    return refuse({
      code: 'unauthorized',
      detail: 'The API key is mistyped or incomplete: its checksum is wrong. Copy the whole key again.',
    });
  }
  if (parsed.prefix === 'ro_') {
    return refuse({
      code: 'unauthorized',
      detail: 'This is an operator key. Routes under /v1 need an account key (rk_...).',
    });
  }
  const [row] = await db.query<KeyRow>(
    `SELECT k.key_hash, k.enabled, k.scopes, a.mode, a.plan, a.status, a.terms, a.limits
     FROM api_keys k JOIN accounts a ON a.account_id = k.account_id
     WHERE k.account_id = $1 AND k.key_id = $2`,
    [parsed.accountUuid, parsed.keyUuid],
  );
  if (row === undefined || !hasher.matches(text, row.key_hash)) {
    return refuse({ code: 'unauthorized', detail: UNKNOWN_KEY });
  }
  // Only the owner of the whole key gets this message.
  if (!row.enabled) {
    return refuse({ code: 'unauthorized', detail: 'This API key has been disabled. Use another key of the account.' });
  }
  if (row.status === 'terminated' && canWrite(row.scopes)) {
    return refuse({ code: 'unauthorized', detail: 'The account is terminated. Only its read-only keys still work.' });
  }
  return accept({
    accountUuid: parsed.accountUuid,
    keyUuid: parsed.keyUuid,
    mode: row.mode,
    plan: row.plan,
    scopes: row.scopes,
    accountStatus: row.status,
    terms: { ...DEFAULT_TERMS, ...row.terms },
    limits: effectiveLimits(row.limits, row.plan),
  });
}
