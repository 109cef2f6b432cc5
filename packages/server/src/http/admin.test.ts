import { accountIds, keyIds, type AccountUuid, type KeyUuid } from '@rushes/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOperatorKey, disableOperatorKey } from '../operators/index.ts';
import { checkLedger } from '../checking/check-ledger.ts';
import { systemRandom } from '../system/index.ts';
import { startTestHttpServer, type TestHttpServer } from '../../testing/http-server.ts';

let server: TestHttpServer;
let key: string;
let keyUuid: KeyUuid;
beforeAll(async () => {
  server = await startTestHttpServer();
  const made = await createOperatorKey(server.db, systemRandom, server.deps.keyHasher, 'Olga');
  key = made.text;
  keyUuid = made.keyUuid;
});
afterAll(() => server.close());

interface Movement {
  replayed: boolean;
  credits: { available: number; spent: number; debt: number };
  code: string;
  param: string;
}

function move(accountUuid: AccountUuid, what: string, body: object) {
  return server.client.post<Movement>(`/admin/v1/accounts/${accountIds.format(accountUuid)}/${what}`, {
    key,
    json: body,
  });
}

async function actions(accountUuid: AccountUuid): Promise<string[]> {
  const rows = await server.db.query<{ actor: string; action: string; reference: string }>(
    'SELECT actor, action, reference FROM operator_actions WHERE account_id = $1 ORDER BY created_at',
    [accountUuid],
  );
  return rows.map(({ actor, action, reference }) => `${actor} ${action} ${reference}`);
}

describe('movements of credits by operators', () => {
  it('are made once per reference, and recorded with who made them', async () => {
    const { accountUuid } = await server.account();
    const purchase = { credits: 500, reason: 'paid', reference: 'INV-1' };
    const first = await move(accountUuid, 'purchases', purchase);
    expect([first.status, first.body.replayed, first.body.credits.available]).toEqual([201, false, 500]);
    const again = await move(accountUuid, 'purchases', purchase);
    expect([again.status, again.body.replayed, again.body.credits.available]).toEqual([200, true, 500]);
    const other = await move(accountUuid, 'purchases', { ...purchase, credits: 501 });
    expect([other.status, other.body.code]).toEqual([422, 'request_id_conflict']);
    const revoked = await move(accountUuid, 'revocations', { credits: 700, reason: 'charged back', reference: 'CB-1' });
    expect(revoked.body.credits).toMatchObject({ available: 0, debt: 200 });
    await move(accountUuid, 'purchases', { credits: 300, reason: 'paid', reference: 'INV-2' });
    expect(
      (await move(accountUuid, 'revocations', { credits: 700, reason: 'charged back', reference: 'CB-1' })).body
        .credits,
    ).toMatchObject({ available: 100, debt: 0 });
    const actor = `key:${keyIds.format(keyUuid)}`;
    expect(await actions(accountUuid)).toEqual([
      `${actor} purchase INV-1`,
      `${actor} revocation CB-1`,
      `${actor} purchase INV-2`,
    ]);
    expect(await checkLedger(server.db, accountUuid)).toEqual([]);
  });

  it('need a reason, a reference and a positive number of credits', async () => {
    const { accountUuid } = await server.account();
    for (const [body, param] of [
      [{ credits: 5, reference: 'r' }, 'reason'],
      [{ credits: 5, reason: ' ', reference: 'r' }, 'reason'],
      [{ credits: 5, reason: 'r' }, 'reference'],
      [{ credits: 0, reason: 'r', reference: 'r' }, 'credits'],
      [{ credits: -5, reason: 'r', reference: 'r' }, 'credits'],
      [{ credits: 1.5, reason: 'r', reference: 'r' }, 'credits'],
      [{ credits: 5, reason: 'r', reference: 'r', kind: 'grant' }, 'kind'],
    ] as const) {
      const answer = await move(accountUuid, 'grants', body);
      expect([answer.status, answer.body.param]).toEqual([400, param]);
    }
    await move(accountUuid, 'grants', { credits: 1, reason: 'r', reference: 'first' });
    const most = await move(accountUuid, 'grants', {
      credits: Number.MAX_SAFE_INTEGER,
      reason: 'r',
      reference: 'most',
    });
    expect([most.status, most.body.param]).toEqual([400, 'credits']);
  });

  it('say what cannot be reversed', async () => {
    const { accountUuid } = await server.account({ credits: 5 });
    const body = { reason: 'r', reference: 'r' };
    expect((await move(accountUuid, 'reversals', { seq: 1, ...body })).body.code).toBe('state_conflict');
    expect((await move(accountUuid, 'reversals', { seq: 9, ...body })).body.code).toBe('not_found');
    expect(await actions(accountUuid)).toEqual([]);
  });

  it('have no route by which credits leave an account for another one or for money', async () => {
    const { accountUuid } = await server.account({ credits: 5 });
    for (const what of ['transfers', 'withdrawals', 'payouts']) {
      expect((await move(accountUuid, what, {})).status).toBe(404);
    }
  });
});

describe('operator keys', () => {
  it('list and show accounts', async () => {
    const { accountUuid } = await server.account({ credits: 5, name: 'Shown' });
    const page = await server.client.get<{ data: { account_id: string }[]; next_cursor: string | null }>(
      '/admin/v1/accounts?limit=1',
      { key },
    );
    expect(page.body.data).toHaveLength(1);
    const shown = await server.client.get(`/admin/v1/accounts/${accountIds.format(accountUuid)}`, { key });
    expect(shown.body).toMatchObject({ name: 'Shown', status: 'active', terms: {}, credits: { available: 5 } });
    const unknown = await server.client.get(
      `/admin/v1/accounts/${accountIds.format(accountIds.newUuid(systemRandom))}`,
      { key },
    );
    expect(unknown.status).toBe(404);
  });

  it('open no account route, and account keys no operator route', async () => {
    const account = await server.account();
    expect((await server.client.get('/v1/credits', { key })).status).toBe(401);
    expect((await server.client.get('/admin/v1/accounts', { key: account.key })).status).toBe(401);
    expect((await server.client.get('/admin/v1/accounts')).status).toBe(401);
    expect((await server.client.get('/admin/v1/nothing')).status).toBe(401);
  });

  it('end when they are disabled', async () => {
    const made = await createOperatorKey(server.db, systemRandom, server.deps.keyHasher, 'Leaver');
    expect((await server.client.get('/admin/v1/accounts', { key: made.text })).status).toBe(200);
    expect(await disableOperatorKey(server.db, made.keyUuid)).toBe('disabled');
    expect((await server.client.get('/admin/v1/accounts', { key: made.text })).status).toBe(401);
  });
});
