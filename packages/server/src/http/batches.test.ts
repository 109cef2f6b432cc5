import { createHash, randomBytes } from 'node:crypto';
import { batchIds, type Batch, type Estimate, type Page, type Task, type TaskResult } from '@rushes/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestHttpServer, type TestAccount, type TestHttpServer } from '../../testing/http-server.ts';

let server: TestHttpServer;
let account: TestAccount;
beforeAll(async () => {
  server = await startTestHttpServer();
  account = await server.account({ credits: 1_000_000 });
});
afterAll(() => server.close());

const items = (count: number): object[] =>
  Array.from({ length: count }, (_, at) => ({ prompt: `Prompt ${at}`, custom_id: `c-${at}` }));
const batch = (requestId: string, more: object = {}): object => ({
  request_id: requestId,
  model: 'sora-2',
  items: items(10),
  ...more,
});

describe('201', () => {
  it('a batch is created, and its Location is the batch', async () => {
    const made = await server.client.post('/v1/batches', { key: account.key, json: batch('created') });
    expect(made.status).toBe(201);
    const shown = await server.client.get(made.headers.get('location') ?? '', { key: account.key });
    expect(shown.body).toEqual(made.body);
  });

  it('from CSV and NDJSON, the rest in the query', async () => {
    const csv = `prompt,custom_id\r\n${items(10)
      .map((_, at) => `"One, two ${at}",x-${at}`)
      .join('\r\n')}\r\n`;
    const fromCsv = await server.client.post(
      '/v1/batches?model=sora-2&request_id=csv&metadata.a=b&defaults.size=large',
      {
        key: account.key,
        body: csv,
        headers: { 'content-type': 'text/csv; charset=utf-8' },
      },
    );
    expect([fromCsv.status, fromCsv.body.metadata]).toEqual([201, { a: 'b' }]);
    const ndjson = items(10)
      .map((item) => JSON.stringify(item))
      .join('\n');
    const fromNdjson = await server.client.post('/v1/batches?model=sora-2', {
      key: account.key,
      body: ndjson,
      headers: { 'content-type': 'application/x-ndjson', 'idempotency-key': 'ndjson' },
    });
    expect([fromNdjson.status, fromNdjson.body.request_id]).toEqual([201, 'ndjson']);
  });
});

describe('200', () => {
  it('the same request again is the same batch, and says so', async () => {
    const first = await server.client.post('/v1/batches', { key: account.key, json: batch('again') });
    const second = await server.client.post('/v1/batches', { key: account.key, json: batch('again') });
    expect([first.status, second.status]).toEqual([201, 200]);
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    expect(second.body.id).toBe(first.body.id);
  });

  it('an estimate reserves nothing', async () => {
    const before = await server.client.get('/v1/credits', { key: account.key });
    const estimate = await server.client.post<Estimate>('/v1/batches/estimate', {
      key: account.key,
      json: { model: 'sora-2', items: items(10) },
    });
    expect([estimate.status, estimate.body.total]).toEqual([200, 490]);
    expect((await server.client.get('/v1/credits', { key: account.key })).body).toEqual(before.body);
  });

  it('lists batches with filters, and tasks by index', async () => {
    const own = await server.account({ credits: 10_000 });
    const made = await server.client.post('/v1/batches', { key: own.key, json: batch('listed') });
    const time = encodeURIComponent(made.body.created_at);
    const list = async (query: string): Promise<number> =>
      (await server.client.get<Page<Batch>>(`/v1/batches?${query}`, { key: own.key })).body.data.length;
    expect(await list('status=queued&model=sora-2')).toBe(1);
    expect(await list('status=completed')).toBe(0);
    expect(await list(`created_before=${time}`)).toBe(0);
    const tasks = await server.client.get<Page<Task>>(`/v1/batches/${made.body.id}/tasks?limit=3&status=queued`, {
      key: own.key,
    });
    expect(tasks.body.data.map((task) => task.index)).toEqual([0, 1, 2]);
    const next = await server.client.get<Page<Task>>(
      `/v1/batches/${made.body.id}/tasks?limit=3&cursor=${tasks.body.next_cursor}`,
      {
        key: own.key,
      },
    );
    expect(next.body.data[0]?.index).toBe(3);
    const one = await server.client.get<Task>(`/v1/tasks/${next.body.data[0]!.id}`, { key: own.key });
    expect(one.body).toEqual(next.body.data[0]);
  });

  it('pausing, resuming and canceling say the same when asked twice', async () => {
    const made = await server.client.post('/v1/batches', {
      key: account.key,
      json: batch('controlled'),
    });
    const post = (verb: string, json?: object) =>
      server.client.post(`/v1/batches/${made.body.id}/${verb}`, {
        key: account.key,
        ...(json === undefined ? {} : { json }),
      });
    expect((await post('pause')).body.paused).toBe(true);
    expect((await post('pause', { request_id: 'p' })).body.paused).toBe(true);
    expect((await post('resume', {})).body.paused).toBe(false);
    expect((await post('cancel?preview=true')).body.refunded).toBe(490);
    expect((await server.client.get<Batch>(`/v1/batches/${made.body.id}`, { key: account.key })).body.status).toBe(
      'queued',
    );
    const canceled = await post('cancel');
    expect([canceled.body.refunded, canceled.body.still_running, canceled.body.batch.status]).toEqual([
      490,
      0,
      'canceled',
    ]);
    expect((await post('cancel')).body).toEqual(canceled.body);
    expect((await post('pause')).status).toBe(409);
  });
});

describe('results', () => {
  it('of 10,000 tasks are streamed in order, as JSON lines and as CSV', async () => {
    const own = await server.account({ credits: 490_000 });
    const made = await server.client.post('/v1/batches', {
      key: own.key,
      json: batch('large', { items: items(10_000) }),
    });
    expect(made.status).toBe(201);
    const jsonl = await server.client.get(`/v1/batches/${made.body.id}/results`, { key: own.key });
    const lines = jsonl.bytes.toString().trimEnd().split('\n');
    expect(lines).toHaveLength(10_000);
    expect(lines.every((line, at) => (JSON.parse(line) as TaskResult).index === at)).toBe(true);
    const csv = await server.client.get(`/v1/batches/${made.body.id}/results?format=csv`, { key: own.key });
    expect(csv.bytes.toString().trimEnd().split('\r\n')).toHaveLength(10_001);
  });

  it('have a link for every success when asked, which leads to the video', async () => {
    const made = await server.client.post('/v1/batches', {
      key: account.key,
      json: batch('with-links'),
    });
    const content = randomBytes(1_000);
    await server.storeVideo(account.accountUuid, batchIds.parse(made.body.id)!, 3, content);
    const answer = await server.client.get(`/v1/batches/${made.body.id}/results?links=download&expires_in=60`, {
      key: account.key,
    });
    const results = answer.bytes
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as TaskResult);
    expect(results.filter((result) => result.link !== null).map((result) => result.index)).toEqual([3]);
    const video = await fetch(results[3]!.link!.url);
    expect(Buffer.from(await video.arrayBuffer())).toEqual(content);
    expect(video.headers.get('content-disposition')).toBe('attachment; filename="c-3.mp4"');
    expect(createHash('sha256').update(content).digest('hex')).toBe(results[3]!.video!.sha256);
  });

  it('are not counted in requests per minute', async () => {
    const made = await server.client.post('/v1/batches', {
      key: account.key,
      json: batch('uncounted'),
    });
    const answer = await server.client.get(`/v1/batches/${made.body.id}/results`, { key: account.key });
    expect(answer.headers.get('ratelimit')).toBeNull();
  });
});

describe('refusals of a submission', () => {
  const create = (json: object) => server.client.post('/v1/batches', { key: account.key, json });

  it('400 names every bad item', async () => {
    const answer = await create(
      batch('bad', {
        items: [...items(10), { prompt: ' ' }, { prompt: 'a\0' }, { prompt: 'x', params: { colour: 'red' } }],
      }),
    );
    expect([answer.status, answer.body.code]).toEqual([400, 'invalid_items']);
    expect(answer.body.errors.map((error) => error.index)).toEqual([10, 11, 12]);
  });

  it('400 for CSV that cannot be read names the line', async () => {
    const answer = await server.client.post('/v1/batches?model=sora-2&request_id=x', {
      key: account.key,
      body: 'prompt,custom_id\r\n"unclosed,1\r\n',
      headers: { 'content-type': 'text/csv' },
    });
    expect([answer.status, answer.body.code]).toEqual([400, 'invalid_csv']);
    expect(answer.body.errors[0]?.line).toBe(2);
  });

  it('402 says what is required, available and short', async () => {
    const poor = await server.account({ credits: 100 });
    const answer = await server.client.post('/v1/batches', { key: poor.key, json: batch('poor') });
    expect([answer.status, answer.body.code]).toEqual([402, 'insufficient_credits']);
    expect([answer.body.required, answer.body.available, answer.body.shortfall]).toEqual([490, 100, 390]);
    await server.db.query("SELECT issue_credits($1, 'purchase', 390, 'top-up', 'top-up')", [poor.accountUuid]);
    expect((await server.client.post('/v1/batches', { key: poor.key, json: batch('poor') })).status).toBe(201);
  });

  it('402 for a spend limit, 409 for a price that is no longer true', async () => {
    expect((await create(batch('limit', { spend_limit: 1 }))).body.code).toBe('spend_limit_exceeded');
    const price = await create(batch('price', { expected_unit_price: 48 }));
    expect([price.status, price.body.code]).toEqual([409, 'price_changed']);
  });

  it('422 for the same request_id with another body', async () => {
    await create(batch('taken'));
    const answer = await create(batch('taken', { metadata: { a: 'b' } }));
    expect([answer.status, answer.body.code]).toEqual([422, 'request_id_conflict']);
  });

  it('413 for a body over 48 MiB', async () => {
    const answer = await server.client.post('/v1/batches', {
      key: account.key,
      body: new Uint8Array(48 * 1024 * 1024 + 1).fill(32),
      headers: { 'content-type': 'application/json' },
    });
    expect(answer.status).toBe(413);
  });

  it('403 for a key without the scope, and for a suspended account that would write', async () => {
    const reader = await server.account({ scopes: ['batches:read'] });
    const refused = await server.client.post('/v1/batches', {
      key: reader.key,
      json: batch('reader'),
    });
    expect([refused.status, refused.body.code, refused.body.param]).toEqual([403, 'forbidden', 'batches:write']);
    const suspended = await server.account();
    await server.db.query("UPDATE accounts SET status = 'suspended' WHERE account_id = $1", [suspended.accountUuid]);
    const json = { url: 'https://hooks.example.com/' };
    const write = await server.client.post('/v1/webhook-endpoints', { key: suspended.key, json });
    expect([write.status, write.body.code]).toEqual([403, 'account_suspended']);
    expect((await server.client.get<Page<Batch>>('/v1/batches', { key: suspended.key })).status).toBe(200);
  });

  it('404 for a batch of another account, before any complaint about parameters', async () => {
    const made = await create(batch('mine'));
    const other = await server.account();
    for (const path of ['', '/tasks', '/tasks?limit=900', '/results', '/results?format=pdf']) {
      const answer = await server.client.get(`/v1/batches/${made.body.id}${path}`, { key: other.key });
      expect([path, answer.status]).toEqual([path, 404]);
    }
    for (const verb of ['cancel', 'pause', 'resume', 'cancel?preview=maybe']) {
      const answer = await server.client.post(`/v1/batches/${made.body.id}/${verb}`, { key: other.key, json: {} });
      expect([verb, answer.status]).toEqual([verb, 404]);
    }
    expect((await server.client.get('/v1/batches/bat_0', { key: other.key })).status).toBe(404);
    expect((await server.client.get('/v1/tasks/tsk_1', { key: other.key })).status).toBe(404);
    const task = (
      await server.client.get<Page<Task>>(`/v1/batches/${made.body.id}/tasks?limit=1`, { key: account.key })
    ).body.data[0];
    expect((await server.client.get<Task>(`/v1/tasks/${task!.id}`, { key: other.key })).status).toBe(404);
  });
});
