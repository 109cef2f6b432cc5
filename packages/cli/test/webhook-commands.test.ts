import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { rushes, scratchFolder } from './rushes.ts';
import { problem, type ScriptedServer, startServer } from './scripted-server.ts';
import { freePort, startReceiver } from './webhook-receiver.ts';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const NO_SERVER = { RUSHES_API_KEY: undefined, RUSHES_WEBHOOK_SECRET: SECRET };

const TYPES = [
  'batch.processing',
  'batch.completed',
  'batch.partial',
  'batch.failed',
  'batch.canceled',
  'batch.paused',
  'task.succeeded',
  'task.failed',
  'task.canceled',
  'credits.low',
  'ledger.epoch_opened',
  'webhook_endpoint.failing',
  'webhook_endpoint.disabled',
  'webhook.test',
];

const ENDPOINT = {
  id: 'whe_1',
  url: 'https://example.com/hook',
  description: 'Production',
  events: ['batch.completed'],
  enabled: true,
  disabled_reason: null,
  failing_since: '2026-11-20T12:00:00.000Z',
  last_delivery_at: null,
  exhausted_count: 1_234,
  previous_secret_expires_at: null,
  created_at: '2026-11-20T12:00:00.000Z',
};

const DELIVERY = {
  id: 'whd_1',
  endpoint_id: 'whe_1',
  event_id: 'evt_1',
  event_type: 'task.failed',
  state: 'exhausted',
  exhausted_reason: 'attempts_used_up',
  attempts: [
    {
      attempt: 1,
      started_at: '2026-11-20T12:00:00.000Z',
      duration_ms: 5_000,
      status_code: null,
      error: 'no answer within 5 s',
      response_excerpt: null,
      manual: false,
    },
    {
      attempt: 2,
      started_at: '2026-11-20T12:01:00.000Z',
      duration_ms: 12,
      status_code: 500,
      error: null,
      response_excerpt: 'out of \u001b[31mmemory',
      manual: true,
    },
  ],
  next_attempt_at: null,
  created_at: '2026-11-20T12:00:00.000Z',
};

/** A server that answers one route with one document. */
async function answering(route: string, body: unknown, status = 200): Promise<ScriptedServer> {
  const server = await startServer();
  server.before = ({ method, path }) => (`${method} ${path}` === route ? { status, body } : null);
  return server;
}

const asked = (server: ScriptedServer): unknown[] =>
  server.requests.map(({ method, path, query, body }) => [method, path, Object.fromEntries(query), body]);

describe('webhooks trigger', () => {
  test.each(TYPES)('%s arrives as a server would send it, without a server', async (type) => {
    const receiver = await startReceiver();
    const { code, stdout } = await rushes(['webhooks', 'trigger', type, '--to', receiver.url, '--json'], {
      env: NO_SERVER,
    });
    const [event] = await receiver.events(SECRET);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ event, delivery: { url: receiver.url, delivered: true, status: 204 } });
    expect(event).toMatchObject({ type, id: expect.stringMatching(/^evt_/) });
    expect(receiver.received[0]?.headers['webhook-id']).toBe(event?.id);
    if (event?.type === 'batch.partial') {
      const { counts, credits } = event.data;
      expect(counts.succeeded + counts.failed + counts.canceled + counts.queued + counts.processing).toBe(counts.total);
      expect(credits.charged + credits.refunded + credits.forfeited + credits.held).toBe(credits.reserved);
    }
  });

  test('the exit code says whether the receiver took it, refused it, or is not there', async () => {
    const trigger = async (to: string): Promise<number | null> =>
      (await rushes(['webhooks', 'trigger', 'webhook.test', '--to', to], { env: NO_SERVER })).code;
    expect(await trigger((await startReceiver([500])).url)).toBe(1);
    expect(await trigger((await startReceiver([301])).url)).toBe(1);
    expect(await trigger(`${await freePort()}/hook`)).toBe(8);
  });

  test('from the server it is a webhook.test for one endpoint', async () => {
    const event = { id: 'evt_9', type: 'webhook.test', created_at: '2026-11-20T12:00:00.000Z', data: {}, seq: 9 };
    const server = await answering('POST /v1/webhook-endpoints/whe_1/test', event, 201);
    for (const words of [
      ['trigger', 'webhook.test', '--endpoint', 'whe_1'],
      ['endpoints', 'test', 'whe_1'],
    ]) {
      const { code, stdout, stderr } = await rushes(['webhooks', ...words], { server });
      expect({ code, stdout }).toEqual({ code: 0, stdout: 'webhook.test  evt_9\n' });
      expect(stderr).toContain('rushes webhooks deliveries --event evt_9');
    }
  });

  test.each([
    [['trigger', 'batch.completed']],
    [['trigger', 'batch.exploded', '--to', '1']],
    [['trigger', 'batch.completed', '--endpoint', 'whe_1']],
    [['trigger', 'webhook.test', '--endpoint', 'whe_1', '--to', '1']],
    [['endpoints', 'update', 'whe_1']],
    [['endpoints', 'create', 'https://x', '--events', ',']],
    [['redeliver']],
    [['redeliver', 'whd_1', '--endpoint', 'whe_1']],
    [['redeliver', '--endpoint', 'whe_1']],
    [['redeliver', '--endpoint', 'whe_1', '--since', 'lately']],
  ])('what cannot be meant ends with 2 before anything is sent: %j', async (words) => {
    const server = await startServer();
    expect((await rushes(['webhooks', ...words], { server })).code).toBe(2);
    expect(server.requests).toEqual([]);
  });
});

describe('webhooks deliveries', () => {
  test('are listed by their filters, with how the last attempt ended', async () => {
    const page = { data: [DELIVERY, { ...DELIVERY, id: 'whd_0', attempts: [] }], has_more: false, next_cursor: null };
    const server = await answering('GET /v1/webhook-deliveries', page);
    const filters = ['--endpoint', 'whe_1', '--state', 'exhausted', '--type', 'task.failed', '--event', 'evt_1'];
    const times = ['--since', '2026-11-20', '--until', '2026-11-21'];
    const { code, stdout } = await rushes(['webhooks', 'deliveries', ...filters, ...times], { server });
    expect(code).toBe(0);
    expect(stdout.split('\n')).toEqual([
      'DELIVERY  CREATED (UTC)        EVENT        STATE      TRIES  LAST',
      'whd_1     2026-11-20 12:00:00  task.failed  exhausted      2  500',
      'whd_0     2026-11-20 12:00:00  task.failed  exhausted      0',
      '',
    ]);
    expect(asked(server)).toEqual([
      [
        'GET',
        '/v1/webhook-deliveries',
        {
          limit: '51',
          endpoint_id: 'whe_1',
          event_id: 'evt_1',
          event_type: 'task.failed',
          state: 'exhausted',
          created_after: '2026-11-20T00:00:00.000Z',
          created_before: '2026-11-21T00:00:00.000Z',
        },
        '',
      ],
    ]);
    const json = await rushes(['webhooks', 'deliveries', '--json'], { server });
    expect(JSON.parse(json.stdout.split('\n')[0] ?? '')).toEqual(DELIVERY);
  });

  test('one is shown with every attempt and its reason, without what a terminal would obey', async () => {
    const server = await answering('GET /v1/webhook-deliveries/whd_1', DELIVERY);
    const { stdout } = await rushes(['webhooks', 'deliveries', 'whd_1'], { server });
    expect(stdout).toContain('whd_1  exhausted (attempts_used_up)');
    expect(stdout).toContain('attempt 1: 2026-11-20 12:00:00 UTC, 5000 ms, no answer within 5 s');
    expect(stdout).toContain('attempt 2, by hand: 2026-11-20 12:01:00 UTC, 12 ms, 500');
    expect(stdout).toContain('answered: out of memory');
    expect((await rushes(['webhooks', 'deliveries', 'whd_2'], { server })).code).toBe(5);
  });
});

describe('webhooks redeliver', () => {
  test('one by its id', async () => {
    const server = await answering('POST /v1/webhook-deliveries/whd_1/redeliver', DELIVERY, 201);
    const { code, stdout } = await rushes(['webhooks', 'redeliver', 'whd_1'], { server });
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'whd_1 is sent again.\n' });
  });

  test('all since a time, over as many calls as it takes', async () => {
    const server = await startServer();
    const answers = [
      { count: 1_000, next_since: 4_711 },
      { count: 34, next_since: null },
    ];
    server.before = ({ path }) => (path.endsWith('/redeliver') ? { status: 201, body: answers.shift() } : null);
    const flags = ['--endpoint', 'whe_1', '--since', '2026-11-20T09:30:00Z', '--state', 'exhausted', '--json'];
    const { code, stdout } = await rushes(['webhooks', 'redeliver', ...flags], { server });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ endpoint_id: 'whe_1', count: 1_034 });
    expect(server.requests.map(({ body }) => JSON.parse(body) as unknown)).toEqual([
      { since: '2026-11-20T09:30:00.000Z', states: ['exhausted'] },
      { since: 4_711, states: ['exhausted'] },
    ]);
  });
});

describe('webhooks endpoints', () => {
  test('create shows the secret once, or writes it into a new file for its owner alone', async () => {
    const made = { ...ENDPOINT, secret: SECRET };
    const server = await answering('POST /v1/webhook-endpoints', made, 201);
    const create = ['webhooks', 'endpoints', 'create', ENDPOINT.url];
    const shown = await rushes([...create, '--events', 'batch.completed, batch.failed'], { server });
    expect(shown.stdout).toContain(`secret    ${SECRET}\n`);
    expect(JSON.parse(server.requests[0]?.body ?? '')).toEqual({
      url: ENDPOINT.url,
      events: ['batch.completed', 'batch.failed'],
    });
    expect(JSON.parse((await rushes([...create, '--json'], { server })).stdout)).toEqual(made);

    const file = join(scratchFolder(), 'secret');
    const kept = await rushes([...create, '--secret-file', file, '--json'], { server });
    expect(JSON.parse(kept.stdout)).toEqual(ENDPOINT);
    expect(kept.stdout + kept.stderr).not.toContain(SECRET);
    expect(readFileSync(file, 'utf8')).toBe(`${SECRET}\n`);
    expect(statSync(file).mode & 0o777).toBe(0o600);

    const taken = await rushes([...create, '--secret-file', file], { server });
    expect(taken.code).toBe(2);
    expect(server.requests).toHaveLength(3);
    const lost = await rushes([...create, '--secret-file', join(file, 'not-a-folder')], { server });
    expect(lost.code).toBe(2);
    expect(lost.stderr).toContain(SECRET);
    expect(readFileSync(file, 'utf8')).toBe(`${SECRET}\n`);
  });

  test('list says how each fares', async () => {
    const page = { data: [ENDPOINT, { ...ENDPOINT, enabled: false, events: [] }], has_more: false, next_cursor: null };
    const server = await answering('GET /v1/webhook-endpoints', page);
    const { stdout } = await rushes(['webhooks', 'endpoints', 'list'], { server });
    expect(stdout.split('\n').slice(0, 3)).toEqual([
      'ENDPOINT  STATE     GIVEN UP  EVENTS           URL',
      'whe_1     failing      1,234  batch.completed  https://example.com/hook',
      'whe_1     disabled     1,234  all              https://example.com/hook',
    ]);
  });

  test('update sends what is named and nothing else', async () => {
    const server = await answering('PATCH /v1/webhook-endpoints/whe_1', ENDPOINT);
    const update = ['webhooks', 'endpoints', 'update', 'whe_1'];
    await rushes([...update, '--enable'], { server });
    await rushes([...update, '--disable', '--events', 'all', '--description', ''], { server });
    await rushes([...update, '--url', 'https://example.org/', '--events', 'task.failed'], { server });
    expect(server.requests.map(({ body }) => JSON.parse(body) as unknown)).toEqual([
      { enabled: true },
      { enabled: false, events: [], description: null },
      { url: 'https://example.org/', events: ['task.failed'] },
    ]);
  });

  test('rotate-secret shows the new one, and says so when the answer that had it was lost', async () => {
    const route = 'POST /v1/webhook-endpoints/whe_1/rotate-secret';
    const server = await answering(route, { ...ENDPOINT, secret: SECRET }, 201);
    const rotate = ['webhooks', 'endpoints', 'rotate-secret', 'whe_1'];
    expect((await rushes(rotate, { server })).stdout).toContain(SECRET);
    await rushes([...rotate, '--overlap', '2h'], { server });
    await rushes([...rotate, '--no-overlap'], { server });
    expect(server.requests.map(({ body }) => JSON.parse(body) as unknown)).toEqual([
      {},
      { overlap_seconds: 7_200 },
      { overlap_seconds: 0 },
    ]);
    const replayed = await answering(route, { ...ENDPOINT, secret: null });
    expect((await rushes(rotate, { server: replayed })).stderr).toContain('The answer with the secret did not arrive');
  });

  test('delete shows the endpoint and asks; with nobody to ask it does nothing', async () => {
    const server = await startServer();
    server.before = ({ method, path }) => {
      if (path !== '/v1/webhook-endpoints/whe_1') return problem(404, 'not_found', 'There is none.');
      return method === 'DELETE' ? { status: 204, body: '' } : { body: ENDPOINT };
    };
    const asks = await rushes(['webhooks', 'endpoints', 'delete', 'whe_1'], { server });
    expect(asks.code).toBe(2);
    expect(asks.stderr).toContain('https://example.com/hook');
    expect(server.seen('DELETE', '/v1/webhook-endpoints/whe_1')).toEqual([]);
    const done = await rushes(['webhooks', 'endpoints', 'delete', 'whe_1', '--yes'], { server });
    expect({ code: done.code, stdout: done.stdout }).toEqual({ code: 0, stdout: 'whe_1 is deleted.\n' });
    expect((await rushes(['webhooks', 'endpoints', 'delete', 'whe_2', '--yes'], { server })).code).toBe(5);
  });

  test('a word that is no command of the topic is an error with the nearest one', async () => {
    const { code, stderr } = await rushes(['webhooks', 'endpoints', 'rotate-secrets', 'whe_1']);
    expect(code).toBe(2);
    expect(stderr).toContain('Did you mean "rushes webhooks endpoints rotate-secret"?');
  });
});
