/** Keys of operators (`ro_…`), for /admin/v1. They belong to no account. */
import {
  API_KEY_SECRET_CHARACTERS,
  accountIds,
  formatApiKey,
  keyIds,
  parseApiKey,
  randomBase62,
  type KeyUuid,
} from '@rushes/contract';
import type { KeyHasher } from '../accounts/index.ts';
import type { Queryable } from '../db/index.ts';
import type { Random } from '../ports.ts';
import { accept, refuse, type Outcome } from '../outcome/index.ts';

/** Stands where an account key has its account. */
const NO_ACCOUNT = accountIds.nil;
const SHOWN_CHARACTERS = 4;

export interface CreatedOperatorKey {
  readonly keyUuid: KeyUuid;
  /** The only time the text exists outside the operator's hands. */
  readonly text: string;
}

/** Makes a key and stores its hash. */
export async function createOperatorKey(
  db: Queryable,
  random: Random,
  hasher: KeyHasher,
  name: string,
): Promise<CreatedOperatorKey> {
  const keyUuid = keyIds.newUuid(random);
  const secret = randomBase62(API_KEY_SECRET_CHARACTERS, (length) => random.bytes(length));
  const text = formatApiKey({ prefix: 'ro_', accountUuid: NO_ACCOUNT, keyUuid }, secret);
  await db.query(
    `INSERT INTO operator_keys (key_id, name, key_hash, last_characters, created_at)
     VALUES ($1, $2, $3, $4, rushes_now())`,
    [keyUuid, name, hasher.hash(text), text.slice(-SHOWN_CHARACTERS)],
  );
  return { keyUuid, text };
}

/** The next request with the key is refused. */
export async function disableOperatorKey(
  db: Queryable,
  keyUuid: KeyUuid,
): Promise<'disabled' | 'already_disabled' | 'not_found'> {
  const disabled = await db.query(
    `UPDATE operator_keys k SET enabled = false, disabled_at = n.now FROM (SELECT rushes_now() AS now) n
     WHERE k.key_id = $1 AND k.enabled RETURNING k.key_id`,
    [keyUuid],
  );
  if (disabled.length > 0) return 'disabled';
  const known = await db.query('SELECT key_id FROM operator_keys WHERE key_id = $1', [keyUuid]);
  return known.length > 0 ? 'already_disabled' : 'not_found';
}

/** Finds the operator key behind its text. */
export async function authenticateOperator(
  db: Queryable,
  hasher: KeyHasher,
  text: string,
): Promise<Outcome<{ readonly keyUuid: KeyUuid }>> {
  const parsed = parseApiKey(text);
  if (parsed === null) {
    return refuse({
      code: 'unauthorized',
      detail: 'The operator key is mistyped or incomplete: its checksum is wrong. Copy the whole key again.',
    });
  }
  if (parsed.prefix !== 'ro_') {
    return refuse({
      code: 'unauthorized',
      detail: 'This is an account key. Routes under /admin/v1 need an operator key (ro_...).',
    });
  }
  const [row] = await db.query<{ key_hash: Uint8Array; enabled: boolean }>(
    'SELECT key_hash, enabled FROM operator_keys WHERE key_id = $1',
    [parsed.keyUuid],
  );
  if (row === undefined || !hasher.matches(text, row.key_hash)) {
    return refuse({
      code: 'unauthorized',
      detail: 'This operator key is not valid on this server. Check the key and the server.',
    });
  }
  if (!row.enabled)
    return refuse({ code: 'unauthorized', detail: 'This operator key has been disabled. Use another one.' });
  return accept({ keyUuid: parsed.keyUuid });
}
