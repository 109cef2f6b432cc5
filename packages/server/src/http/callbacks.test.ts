import { randomUUID } from 'node:crypto';
import { batchIds, type Batch, type AccountUuid, type BatchUuid } from '@rushes/contract';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestHttpServer, type TestHttpServer } from '../../testing/http-server.ts';
import { testUuid } from '../../testing/test-uuid.ts';
import { createAttemptTokens, createCallbackInbox } from '../generations/index.ts';
import type { AttemptTokens } from '../generations/attempt-token.ts';
import { callbackReaders } from '../routes/upstream-routes.ts';

let server: TestHttpServer;
let tokens: AttemptTokens;
let key: { accountUuid: AccountUuid; batchUuid: BatchUuid; index: number; attempt: number };

beforeAll(async () => {
  tokens = createAttemptTokens(new Uint8Array(32));
  server = await startTestHttpServer((deps) => ({
    ...deps,
    callbacks: createCallbackInbox({ db: deps.db, tokens, readers: callbackReaders() }),
  }));
});
afterAll(() => server.close());

beforeEach(async () => {
  const account = await server.account({ credits: 10_000 });
  const created = await server.client.post<Batch>('/v1/batches', {
    key: account.key,
    json: {
      request_id: randomUUID(),
      model: 'sora-2',
      items: Array.from({ length: 10 }, (_, n) => ({ prompt: `scene ${n}` })),
    },
  });
  const batchUuid = batchIds.parse(created.body.id)!;
  await server.admin.query(
    `UPDATE tasks SET state = 'unknown', fence = 1, attempt = 1, submitted_at = rushes_now(), timeout_at = rushes_now(),
       unknown_since = rushes_now()
     WHERE batch_id = $1 AND task_index = 0`,
    [batchUuid],
  );
  key = { accountUuid: account.accountUuid, batchUuid, index: 0, attempt: 1 };
});

const post = (path: string, body: string | Uint8Array = '{"id":"gen-1","status":"succeeded"}'): Promise<Response> =>
  fetch(`${server.url}${path}`, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
const pathOf = (route = 'grsai', change: Partial<typeof key> = {}): string =>
  `/callbacks/${route}/${tokens.tokenFor(route, { ...key, ...change })}`;
const kept = () =>
  server.db.query<{ upstream_id: string; task_index: number; attempt: number; route: string }>(
    'SELECT upstream_id, task_index, attempt, route FROM upstream_callbacks WHERE batch_id = $1',
    [key.batchUuid],
  );

describe('POST /callbacks/{route}/{token}', () => {
  it('keeps the id for the submission that its address names, once however often it comes', async () => {
    const path = pathOf();
    expect((await Promise.all([post(path), post(path), post(path)])).map(({ status }) => status)).toEqual([
      200, 200, 200,
    ]);
    expect(await kept()).toEqual([{ upstream_id: 'gen-1', task_index: 0, attempt: 1, route: 'grsai' }]);
  });

  it('answers an address that was never given out like a path that does not exist', async () => {
    const unknown = [
      `/callbacks/grsai/${'A'.repeat(75)}`,
      '/callbacks/grsai/x',
      pathOf('elsewhere'),
      // The address of another route.
      pathOf('simulator').replace('/simulator/', '/grsai/'),
    ];
    for (const path of unknown) {
      const answer = await post(path);
      expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([404, 'not_found']);
    }
    expect(await kept()).toEqual([]);
  });

  it('answers the same whether or not there is anything to be learned', async () => {
    const answers = await Promise.all([
      post(pathOf()),
      post(pathOf('grsai', { index: 1 })),
      post(pathOf('grsai', { index: 77 })),
      post(pathOf('grsai', { attempt: 9 })),
      post(pathOf('grsai', { batchUuid: testUuid() })),
    ]);
    expect(await Promise.all(answers.map((answer) => answer.text()))).toEqual(Array(5).fill('{}'));
    expect(await kept()).toHaveLength(1);
  });

  it.each([
    ['nothing', ''],
    ['broken JSON', '{"id":'],
    ['no object', '[1]'],
    ['an id that is none', '{"id":{"a":1}}'],
    ['an endless id', JSON.stringify({ id: 'x'.repeat(10_000) })],
    ['bytes', new Uint8Array([0, 255, 254, 0])],
  ])('takes nothing from %s', async (_name, body) => {
    expect((await post(pathOf(), body)).status).toBe(200);
    expect(await kept()).toEqual([]);
  });

  it('reads no large body', async () => {
    const answer = await post(pathOf(), JSON.stringify({ id: 'gen-1', error: 'x'.repeat(10_000_000) }));
    expect(answer.status).toBe(404);
    expect(await kept()).toEqual([]);
  });

  it('takes no flood for one submission', async () => {
    const path = pathOf();
    const statuses = [];
    for (let n = 0; n < 62; n += 1) statuses.push((await post(path)).status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(60);
    expect((await post(pathOf('grsai', { index: 1 }))).status).toBe(200);
  });
});
