import { randomUUID } from 'node:crypto';
import { accountIds, batchIds, type Batch } from '@rushes/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestHttpServer, type TestHttpServer } from '../../testing/http-server.ts';
import { createOperatorKey } from '../operators/index.ts';
import { setUpstreamCost } from '../generations/index.ts';

interface Page {
  readonly data: readonly { readonly task_index: number; readonly match: string; readonly micro_usd: number | null }[];
  readonly has_more: boolean;
  readonly next_cursor: string | null;
  readonly code?: string;
}

let server: TestHttpServer;
let key: string;
let batchId: string;
let accountId: string;
let accountKey: string;

beforeAll(async () => {
  server = await startTestHttpServer();
  key = (await createOperatorKey(server.db, server.deps.random, server.deps.keyHasher, 'test')).text;
  const account = await server.account({ credits: 10_000 });
  accountKey = account.key;
  accountId = accountIds.format(account.accountUuid);
  await setUpstreamCost(server.db, {
    route: 'simulator',
    model: 'sora-2',
    microUsd: 80_000,
    failedMicroUsd: 0,
    validFrom: new Date(0),
  });
  const created = await server.client.post<Batch>('/v1/batches', {
    key: account.key,
    json: {
      request_id: randomUUID(),
      model: 'sora-2',
      items: Array.from({ length: 10 }, (_, n) => ({ prompt: `scene ${n}` })),
    },
  });
  batchId = created.body.id;
  await server.admin.query(
    `UPDATE tasks SET state = CASE WHEN task_index < 2 THEN 'unknown' ELSE 'running' END, fence = 1, attempt = 1,
       submitted_at = '2026-11-10T00:00:00Z', timeout_at = rushes_now(),
       unknown_since = CASE WHEN task_index < 2 THEN rushes_now() END,
       upstream_id = CASE WHEN task_index >= 2 THEN 'gen-' || task_index END
     WHERE batch_id = $1 AND task_index < 5`,
    [batchIds.parse(batchId)],
  );
});
afterAll(() => server.close());

const get = <T>(query = '', path = '') => server.client.get<T>(`/admin/v1/upstream-report${path}${query}`, { key });

describe('GET /admin/v1/upstream-report', () => {
  it('lists generations with match and cost, page by page', async () => {
    const seen = [];
    let cursor = '';
    for (;;) {
      const { body, status } = await get<Page>(`?limit=2${cursor}`);
      expect(status).toBe(200);
      seen.push(...body.data);
      if (!body.has_more) break;
      cursor = `&cursor=${body.next_cursor ?? ''}`;
    }
    expect(seen.map((row) => [row.task_index, row.match, row.micro_usd])).toEqual([
      [0, 'possible_duplicate', 80_000],
      [1, 'possible_duplicate', 80_000],
      [2, 'matched', 80_000],
      [3, 'matched', 80_000],
      [4, 'matched', 80_000],
    ]);
  });

  it('can be narrowed to a period, an account, a batch and a match', async () => {
    const count = async (query: string): Promise<number> => (await get<Page>(query)).body.data.length;
    expect(await count(`?batch_id=${batchId}&match=matched`)).toBe(3);
    expect(await count(`?account_id=${accountId}`)).toBe(5);
    expect(await count('?from=2026-11-10T00:00:01Z')).toBe(0);
    expect(await count('?from=2026-11-10T00:00:00Z&to=2099-01-01T00:00:00Z')).toBe(5);
    expect(await count('?to=2026-11-10T00:00:00Z')).toBe(0);
  });

  it('adds up per route, model and match', async () => {
    const { body } = await get<{ data: unknown }>('', '/summary');
    const line = { route: 'simulator', model: 'sora-2', failed: 0, unpriced: 0 };
    expect(body.data).toEqual([
      { ...line, match: 'matched', generations: 3, micro_usd: 240_000 },
      { ...line, match: 'possible_duplicate', generations: 2, micro_usd: 160_000 },
    ]);
  });

  it.each(['?cursor=x', '?cursor=acct_1.bat_1.0.0', '?match=lost', '?from=yesterday', '?batch_id=7', '?what=1'])(
    'refuses %s',
    async (query) => {
      expect((await get<Page>(query)).status).toBe(400);
    },
  );

  it('is for operators alone', async () => {
    const answer = await server.client.get<Page>('/admin/v1/upstream-report', { key: accountKey });
    expect([answer.status, answer.body.code]).toEqual([401, 'unauthorized']);
  });
});
