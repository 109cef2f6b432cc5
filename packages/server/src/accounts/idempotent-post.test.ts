import { randomBytes } from 'node:crypto';
import type { AccountUuid } from '@rushes/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts';
import { openDatabase, type Database, type Queryable } from '../db/index.ts';
import { accept, refuse, type Outcome } from '../outcome/index.ts';
import { systemRandom } from '../system/index.ts';
import { changeSettings } from './account-settings.ts';
import { findRequest, type RequestKey } from './idempotency.ts';
import { runIdempotentPost, type IdempotentPost } from './idempotent-post.ts';
import { createAccount, viewAccount } from './index.ts';

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase({
    url: database.appUrl,
    applicationName: 'test',
    maxConnections: 20,
    onConnectionError: () => undefined,
  });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

async function openWithKey(): Promise<{ accountUuid: AccountUuid; key: RequestKey }> {
  const accountUuid = await createAccount(db, systemRandom, { name: 'Acme', plan: 'pilot', mode: 'test' });
  return { accountUuid, key: { accountUuid, route: 'POST /x', requestId: 'r', requestHash: randomBytes(32) } };
}

const thresholdOf = async (accountUuid: AccountUuid): Promise<number | null> =>
  (await viewAccount(db, accountUuid)).low_credits_threshold;

/** A POST whose work writes the threshold and then goes on with `then`. Its resource is the threshold. */
function settingTo(
  accountUuid: AccountUuid,
  threshold: number,
  then: (tx: Queryable) => Promise<Outcome<number>> = async () => accept(threshold),
): IdempotentPost<number> {
  return {
    replay: async (id) => accept(Number(id)),
    make: (commit) =>
      commit(async (tx) => {
        await changeSettings(tx, accountUuid, { low_credits_threshold: threshold });
        return then(tx);
      }, String),
  };
}

describe('an idempotent POST', () => {
  it('that is refused leaves nothing of what it wrote, and its request_id can be used again', async () => {
    const { accountUuid, key } = await openWithKey();
    const refused = refuse({ code: 'state_conflict', detail: 'Not now.' });
    expect(
      await runIdempotentPost(
        db,
        key,
        settingTo(accountUuid, 7, async () => refused),
      ),
    ).toEqual(refused);
    expect([await thresholdOf(accountUuid), await findRequest(db, key)]).toEqual([null, null]);
    expect(await runIdempotentPost(db, key, settingTo(accountUuid, 8))).toEqual(accept({ value: 8, replayed: false }));
    expect(await thresholdOf(accountUuid)).toBe(8);
  });

  it('that comes many times at once is carried out once, and each of them is told the same', async () => {
    const { accountUuid, key } = await openWithKey();
    const answers = await Promise.all(
      Array.from({ length: 16 }, (_, at) => runIdempotentPost(db, key, settingTo(accountUuid, at + 1))),
    );
    const values = answers.map((answer) => (answer.ok ? answer.value.value : null));
    expect(new Set(values).size).toBe(1);
    expect(answers.filter((answer) => answer.ok && !answer.value.replayed)).toHaveLength(1);
    expect(await thresholdOf(accountUuid)).toBe(values[0]);
  });

  it('whose connection dies before the commit leaves nothing, and goes through the next time', async () => {
    const { accountUuid, key } = await openWithKey();
    const dying = settingTo(accountUuid, 7, async (tx) => {
      await tx.query('SELECT pg_terminate_backend(pg_backend_pid())');
      return accept(7);
    });
    await expect(runIdempotentPost(db, key, dying)).rejects.toThrow();
    expect([await thresholdOf(accountUuid), await findRequest(db, key)]).toEqual([null, null]);
    expect(await runIdempotentPost(db, key, settingTo(accountUuid, 8))).toEqual(accept({ value: 8, replayed: false }));
  });

  it('whose answer is lost after the commit is not carried out again', async () => {
    const { accountUuid, key } = await openWithKey();
    const post = settingTo(accountUuid, 7);
    const lost: IdempotentPost<number> = {
      ...post,
      async make(commit) {
        await post.make(commit);
        throw new Error('the process died');
      },
    };
    await expect(runIdempotentPost(db, key, lost)).rejects.toThrow('the process died');
    expect(await runIdempotentPost(db, key, settingTo(accountUuid, 8))).toEqual(accept({ value: 7, replayed: true }));
    expect(await thresholdOf(accountUuid)).toBe(7);
  });

  it('with the request_id of another request is refused and changes nothing', async () => {
    const { accountUuid, key } = await openWithKey();
    await runIdempotentPost(db, key, settingTo(accountUuid, 7));
    const other = { ...key, requestHash: randomBytes(32) };
    expect(await runIdempotentPost(db, other, settingTo(accountUuid, 8))).toMatchObject({
      ok: false,
      refusal: { code: 'request_id_conflict', param: 'request_id' },
    });
    expect(await thresholdOf(accountUuid)).toBe(7);
  });
});
