import {
  API_KEY_SECRET_CHARACTERS,
  formatApiKey,
  keyIds,
  randomBase62,
  type AccountMode,
  type AccountStatus,
  type Scope,
  type AccountUuid,
  type KeyUuid,
} from '@rushes/contract';
import type { Database, Queryable } from '../db/index.ts';
import type { Random } from '../ports.ts';
import { accept, refuse, type Outcome } from '../outcome/index.ts';
import type { KeyHasher } from './key-hasher.ts';
import { canWrite } from './write-scopes.ts';

export interface NewApiKey {
  readonly accountUuid: AccountUuid;
  readonly name: string;
  readonly scopes: readonly Scope[];
}

export interface CreatedApiKey {
  readonly keyUuid: KeyUuid;
  /** The text of a new key. It is never stored, so this is the only time that it can be shown. */
  readonly text: string;
}

export interface ApiKeySummary {
  readonly keyUuid: KeyUuid;
  readonly name: string;
  /** How many of its last characters identify a key in lists. */
  readonly lastCharacters: string;
  readonly scopes: readonly Scope[];
  readonly enabled: boolean;
  readonly createdAt: Date;
  readonly disabledAt: Date | null;
}

const SHOWN_CHARACTERS = 4;

/** Creates a key and stores its hash. A terminated account can only get read-only keys. */
export async function createApiKey(
  db: Database,
  random: Random,
  hasher: KeyHasher,
  key: NewApiKey,
): Promise<Outcome<CreatedApiKey>> {
  const keyUuid = keyIds.newUuid(random);
  const secret = randomBase62(API_KEY_SECRET_CHARACTERS, (length) => random.bytes(length));
  return db.transaction(async (tx) => {
    // The share lock makes a termination wait, so that it finds this key and disables it.
    const [account] = await tx.query<{ mode: AccountMode; status: AccountStatus }>(
      'SELECT mode, status FROM accounts WHERE account_id = $1 FOR SHARE',
      [key.accountUuid],
    );
    if (account === undefined) return refuse({ code: 'not_found', detail: 'There is no such account.' });
    if (account.status === 'terminated' && canWrite(key.scopes)) {
      return refuse({
        code: 'state_conflict',
        detail: 'The account is terminated. It can only get keys with the scopes batches:read and ledger:read.',
      });
    }
    const prefix = account.mode === 'live' ? 'rk_live_' : 'rk_test_';
    const text = formatApiKey({ prefix, accountUuid: key.accountUuid, keyUuid }, secret);
    await tx.query(
      `INSERT INTO api_keys (account_id, key_id, name, key_hash, last_characters, scopes, created_at)
       VALUES ($1, $2, $3, $4, $5, $6, rushes_now())`,
      [key.accountUuid, keyUuid, key.name, hasher.hash(text), text.slice(-SHOWN_CHARACTERS), key.scopes],
    );
    return accept({ keyUuid, text });
  });
}

export async function listApiKeys(db: Queryable, accountUuid: AccountUuid): Promise<readonly ApiKeySummary[]> {
  return db.query<ApiKeySummary>(
    `SELECT key_id AS "keyUuid", name, last_characters AS "lastCharacters", scopes, enabled,
       created_at AS "createdAt", disabled_at AS "disabledAt"
     FROM api_keys WHERE account_id = $1 ORDER BY created_at, key_id`,
    [accountUuid],
  );
}

/** Disables a key. The next request with the key is refused, because keys are not cached. */
export async function disableApiKey(
  db: Queryable,
  accountUuid: AccountUuid,
  keyUuid: KeyUuid,
): Promise<'disabled' | 'already_disabled' | 'not_found'> {
  const disabled = await db.query(
    `UPDATE api_keys k SET enabled = false, disabled_at = n.now FROM (SELECT rushes_now() AS now) n
     WHERE k.account_id = $1 AND k.key_id = $2 AND k.enabled RETURNING k.key_id`,
    [accountUuid, keyUuid],
  );
  if (disabled.length > 0) return 'disabled';
  const known = await db.query('SELECT key_id FROM api_keys WHERE account_id = $1 AND key_id = $2', [
    accountUuid,
    keyUuid,
  ]);
  return known.length > 0 ? 'already_disabled' : 'not_found';
}
