import { randomBytes } from 'node:crypto';
import {
  crc32,
  formatApiKey,
  parseApiKey,
  planLimits,
  SCOPES,
  accountIds,
  keyIds,
  type Scope,
  type AccountUuid,
  type KeyUuid,
} from '@rushes/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts';
import { openDatabase, type Database } from '../db/index.ts';
import { deriveSecrets } from '../config/secrets.ts';
import { systemRandom } from '../system/index.ts';
import { claimRequest, findRequest } from './idempotency.ts';
import {
  authenticate,
  createAccount,
  createApiKey,
  createKeyHasher,
  disableApiKey,
  findAccount,
  listAccounts,
  purgeIdempotencyKeys,
  terminateAccount,
} from './index.ts';

let database: TestDatabase;
let db: Database;
const hasher = createKeyHasher(deriveSecrets(randomBytes(32)).apiKeyHashing);

beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase({
    url: database.appUrl,
    applicationName: 'test',
    maxConnections: 10,
    onConnectionError: () => undefined,
  });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

const open = (): Promise<AccountUuid> => createAccount(db, systemRandom, { name: 'Acme', plan: 'pilot', mode: 'test' });

async function keyFor(
  accountUuid: AccountUuid,
  scopes: readonly Scope[] = SCOPES,
): Promise<{ keyUuid: KeyUuid; text: string }> {
  const key = await createApiKey(db, systemRandom, hasher, { accountUuid, name: 'k', scopes });
  if (!key.ok) throw new Error(key.refusal.detail);
  return key.value;
}

async function code(text: string): Promise<string> {
  const caller = await authenticate(db, hasher, text);
  return caller.ok ? 'ok' : caller.refusal.code;
}

describe('an account', () => {
  it('begins with empty buckets and its plan’s limits', async () => {
    const accountUuid = await open();
    expect(
      await db.query('SELECT available, reserved, spent, issued, debt FROM credit_accounts WHERE account_id = $1', [
        accountUuid,
      ]),
    ).toEqual([{ available: 0, reserved: 0, spent: 0, issued: 0, debt: 0 }]);
    expect(await findAccount(db, accountUuid)).toMatchObject({
      plan: 'pilot',
      limits: planLimits('pilot'),
      status: 'active',
      keys: [],
    });
    expect((await listAccounts(db)).map((account) => account.accountUuid)).toContain(accountUuid);
  });

  it('terminated keeps its read-only keys and loses every key that can write', async () => {
    const accountUuid = await open();
    const writer = await keyFor(accountUuid);
    const reader = await keyFor(accountUuid, ['batches:read', 'ledger:read']);
    expect(await terminateAccount(db, accountUuid)).toBe('terminated');
    expect(await terminateAccount(db, accountUuid)).toBe('already_terminated');
    expect([await code(writer.text), await code(reader.text)]).toEqual(['unauthorized', 'ok']);
    const more = await createApiKey(db, systemRandom, hasher, { accountUuid, name: 'k', scopes: ['batches:write'] });
    expect(more.ok).toBe(false);
    expect(await code((await keyFor(accountUuid, ['ledger:read'])).text)).toBe('ok');
    expect((await findAccount(db, accountUuid))?.keys.map((key) => key.enabled)).toEqual([false, true, true]);
  });

  it('terminated while keys are being made ends without one that can write', async () => {
    const accountUuid = await open();
    const made = Array.from({ length: 8 }, () =>
      createApiKey(db, systemRandom, hasher, { accountUuid, name: 'k', scopes: SCOPES }),
    );
    await Promise.all([...made, terminateAccount(db, accountUuid)]);
    expect((await findAccount(db, accountUuid))?.keys.filter((key) => key.enabled)).toEqual([]);
  });

  it('that does not exist cannot be terminated or given a key', async () => {
    const nobody = accountIds.newUuid(systemRandom);
    expect(await terminateAccount(db, nobody)).toBe('not_found');
    expect((await createApiKey(db, systemRandom, hasher, { accountUuid: nobody, name: 'k', scopes: SCOPES })).ok).toBe(
      false,
    );
    expect(await findAccount(db, nobody)).toBeNull();
  });
});

describe('an API key', () => {
  it('leads to its account, mode, scopes, limits and terms', async () => {
    const accountUuid = await open();
    await db.query(`UPDATE accounts SET terms = '{"moderation_input": "refund"}' WHERE account_id = $1`, [accountUuid]);
    const { text, keyUuid } = await keyFor(accountUuid, ['batches:read']);
    expect(await authenticate(db, hasher, text)).toEqual({
      ok: true,
      value: {
        accountUuid,
        keyUuid,
        mode: 'test',
        plan: 'pilot',
        scopes: ['batches:read'],
        accountStatus: 'active',
        terms: { moderation_input: 'refund', moderation_output: 'refund', canceled: 'refund' },
        limits: planLimits('pilot'),
      },
    });
  });

  it('is stored as a hash that is not its text, and shown by its last characters', async () => {
    const accountUuid = await open();
    const { text } = await keyFor(accountUuid);
    const [row] = await db.query('SELECT row_to_json(k)::text AS row FROM api_keys k WHERE account_id = $1', [
      accountUuid,
    ]);
    expect(JSON.stringify(row)).not.toContain(text.slice(60, 84));
    expect((await findAccount(db, accountUuid))?.keys[0]?.lastCharacters).toBe(text.slice(-4));
  });

  it('with the right ids and checksum but other random characters is refused', async () => {
    const { text } = await keyFor(await open());
    const guessed = formatApiKey(parseApiKey(text)!, 'A'.repeat(32));
    expect(parseApiKey(guessed)).not.toBeNull();
    expect(await code(guessed)).toBe('unauthorized');
  });

  it('with a test account’s text under the live prefix is refused', async () => {
    const { text } = await keyFor(await open());
    const body = text.slice(0, -6).replace('rk_test_', 'rk_live_');
    const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
    let sum = '';
    for (let rest = crc32(body); sum.length < 6; rest = Math.floor(rest / 62)) sum = alphabet.charAt(rest % 62) + sum;
    expect(parseApiKey(body + sum)).not.toBeNull();
    expect(await code(body + sum)).toBe('unauthorized');
  });

  it('of another server secret is refused', async () => {
    const { text } = await keyFor(await open());
    const other = createKeyHasher(deriveSecrets(randomBytes(32)).apiKeyHashing);
    expect((await authenticate(db, other, text)).ok).toBe(false);
  });

  it('that is mistyped is refused without asking the database', async () => {
    const { text } = await keyFor(await open());
    const none: Pick<Database, 'query' | 'run'> = {
      query: () => Promise.reject(new Error('asked')),
      run: () => Promise.reject(new Error('asked')),
    };
    for (const typo of [
      `${text}x`,
      text.slice(1),
      text.replace(/.$/, (last) => (last === '0' ? '1' : '0')),
      '',
      'rk_test_',
    ]) {
      expect((await authenticate(none, hasher, typo)).ok).toBe(false);
    }
    await expect(authenticate(none, hasher, text)).rejects.toThrow('asked');
  });

  it('disabled stops working with the next request, and says so to its holder', async () => {
    const accountUuid = await open();
    const { text, keyUuid } = await keyFor(accountUuid);
    expect(await disableApiKey(db, accountUuid, keyUuid)).toBe('disabled');
    expect(await disableApiKey(db, accountUuid, keyUuid)).toBe('already_disabled');
    expect(await disableApiKey(db, accountUuid, keyIds.newUuid(systemRandom))).toBe('not_found');
    const refused = await authenticate(db, hasher, text);
    expect(refused.ok ? null : refused.refusal.detail).toContain('disabled');
  });
});

describe('a request_id', () => {
  const keyOf = (accountUuid: AccountUuid, requestId: string) => ({
    accountUuid,
    route: 'POST /x',
    requestId,
    requestHash: randomBytes(32),
  });

  it('is claimed by one of many at once', async () => {
    const key = keyOf(await open(), 'r');
    const claims = await Promise.all(
      Array.from({ length: 8 }, (_, at) => db.transaction((tx) => claimRequest(tx, key, String(at)))),
    );
    expect(claims.filter((claimed) => claimed)).toHaveLength(1);
    expect(await findRequest(db, key)).toEqual({ kind: 'replay', resourceId: String(claims.indexOf(true)) });
    expect(await findRequest(db, { ...key, requestHash: randomBytes(32) })).toEqual({ kind: 'conflict' });
  });

  it('is free again when what it was claimed for is undone', async () => {
    const key = keyOf(await open(), 'r');
    const undone = db.transaction(async (tx) => {
      await claimRequest(tx, key, 'x');
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    expect(await findRequest(db, key)).toBeNull();
    expect(await claimRequest(db, key, 'y')).toBe(true);
  });

  it('is forgotten after 72 hours, and not before', async () => {
    const accountUuid = await open();
    const [old, young] = [keyOf(accountUuid, 'old'), keyOf(accountUuid, 'young')];
    await claimRequest(db, old, 'a');
    await claimRequest(db, young, 'b');
    await db.query(
      "UPDATE idempotency_keys SET created_at = created_at - interval '72 hours 1 second' WHERE account_id = $1 AND request_id = 'old'",
      [accountUuid],
    );
    await db.query(
      "UPDATE idempotency_keys SET created_at = created_at - interval '71 hours' WHERE account_id = $1 AND request_id = 'young'",
      [accountUuid],
    );
    expect([await findRequest(db, old), (await findRequest(db, young))?.kind]).toEqual([null, 'replay']);
    expect(await claimRequest(db, young, 'c')).toBe(false);
    expect(await purgeIdempotencyKeys(db, 100)).toBe(1);
    expect(await claimRequest(db, old, 'd')).toBe(true);
  });
});
