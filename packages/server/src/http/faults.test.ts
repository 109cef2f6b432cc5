import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestHttpServer, type TestHttpServer } from '../../testing/http-server.ts';
import type { Logger, LogFields } from '../ports.ts';

/** What the next statements of the server run into. */
let fault: ((sql: string) => Error | null) | null = null;
const logged: { fields: LogFields; message: string }[] = [];
const logger: Logger = {
  debug: (fields, message) => void logged.push({ fields, message }),
  info: (fields, message) => void logged.push({ fields, message }),
  warn: (fields, message) => void logged.push({ fields, message }),
  error: (fields, message) => void logged.push({ fields, message }),
  child: () => logger,
};

let server: TestHttpServer;
beforeAll(async () => {
  server = await startTestHttpServer((deps) => ({
    ...deps,
    logger,
    db: {
      ...deps.db,
      query: (sql, values) => {
        const error = fault?.(sql) ?? null;
        return error === null ? deps.db.query(sql, values) : Promise.reject(error);
      },
    },
    pendingMigrations: async () => (fault === null ? deps.pendingMigrations() : ['0099_missing']),
  }));
});
afterAll(() => server.close());

async function withFault<T>(next: (sql: string) => Error | null, work: () => Promise<T>): Promise<T> {
  fault = next;
  try {
    return await work();
  } finally {
    fault = null;
  }
}

const refused = (): Error => Object.assign(new Error('connect ECONNREFUSED 10.0.0.9:5432'), { code: 'ECONNREFUSED' });
const defect = (): Error =>
  Object.assign(new Error('secret internals'), { code: '42703', detail: 'Failing row contains (a prompt)' });

describe('503', () => {
  it('a database that is away is said to be so, with Retry-After', async () => {
    const { key } = await server.account();
    const answer = await withFault(refused, () => server.client.get('/v1/credits', { key }));
    expect([answer.status, answer.body.code, answer.headers.get('retry-after')]).toEqual([503, 'unavailable', '2']);
    expect(answer.bytes.toString()).not.toContain('10.0.0.9');
    expect((await server.client.get('/v1/credits', { key })).status).toBe(200);
  });

  it('a database that lacks migrations is not ready', async () => {
    const answer = await withFault(
      () => null,
      () => server.client.get('/readyz'),
    );
    expect(answer.status).toBe(503);
    expect(answer.body.detail).toContain('0099_missing');
  });

  it('an export that fails before its first byte is refused, not cut', async () => {
    const { key } = await server.account({ credits: 1 });
    const answer = await withFault(
      (sql) => (sql.includes('credit_ledger') ? refused() : null),
      () => server.client.get('/v1/ledger/export', { key }),
    );
    expect(answer.status).toBe(503);
    expect(answer.headers.get('content-disposition')).toBeNull();
  });
});

describe('500', () => {
  it('an unexpected error tells the customer nothing but the trace id, and the log no rows', async () => {
    const { key } = await server.account();
    logged.length = 0;
    const answer = await withFault(
      (sql) => (sql.includes('credit_accounts') ? defect() : null),
      () => server.client.get('/v1/credits', { key }),
    );
    expect([answer.status, answer.body.code]).toEqual([500, 'internal_error']);
    expect(answer.bytes.toString()).not.toContain('secret internals');
    const line = logged.find((entry) => entry.fields['message'] === 'secret internals');
    expect(line?.fields['trace_id']).toBe(answer.body.trace_id);
    expect(JSON.stringify(logged)).not.toContain('a prompt');
  });
});

describe('an export that fails half way', () => {
  it('breaks the connection, so that it cannot be taken for whole', async () => {
    const { key, accountUuid } = await server.account();
    await server.db.query(
      "SELECT issue_credits($1, 'grant', 1, repeat('r', 100), 'ref-' || n) FROM generate_series(1, 5001) n",
      [accountUuid],
    );
    let pages = 0;
    const read = withFault(
      (sql) => (sql.includes('FROM credit_ledger') && (pages += 1) > 1 ? refused() : null),
      async () => {
        const response = await fetch(`${server.url}/v1/ledger/export?format=jsonl`, {
          headers: { authorization: `Bearer ${key}` },
        });
        expect(response.status).toBe(200);
        return response.text();
      },
    );
    await expect(read).rejects.toThrow('terminated');
    expect(logged.some((entry) => entry.message === 'an answer broke off')).toBe(true);
  });
});

describe('the log', () => {
  it('names route, status and account of a request, never key, query or token', async () => {
    const { key, accountUuid } = await server.account();
    logged.length = 0;
    await server.client.get('/v1/batches?model=secret-model', { key });
    await server.client.get('/v/secret-token');
    await expect.poll(() => logged.filter((entry) => entry.message === 'request').length).toBe(2);
    expect(logged.map((entry) => entry.fields)).toEqual([
      expect.objectContaining({ route: '/v1/batches', status: 200, account: accountUuid, method: 'GET' }),
      expect.objectContaining({ route: '/v/:token', status: 404, problem: 'not_found' }),
    ]);
    expect(JSON.stringify(logged)).not.toMatch(/secret-model|secret-token|rk_test_/);
  });
});

describe('a reader that leaves', () => {
  it('ends its long poll', async () => {
    const { key } = await server.account();
    logged.length = 0;
    const { hostname, port } = new URL(server.url);
    let looks = 0;
    await withFault(
      (sql) => {
        if (sql.includes('FROM events')) looks += 1;
        return null;
      },
      async () => {
        const socket = connect({ host: hostname, port: Number(port) });
        socket.write(`GET /v1/events?wait=30 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${key}\r\n\r\n`);
        await expect.poll(() => looks).toBeGreaterThan(0);
        socket.destroy();
        await expect.poll(() => logged.some((entry) => entry.fields['cut_off'] === true)).toBe(true);
        const after = looks;
        // Two looks' time on the real clock: a poll that went on would have looked again.
        await expect.poll(() => logged.some((entry) => entry.message === 'the client went away')).toBe(true);
        expect(looks - after).toBeLessThanOrEqual(1);
      },
    );
  });
});

describe('stopping', () => {
  it('ends long polls at once with what there is, and refuses readiness', async () => {
    const own = await startTestHttpServer();
    const { key } = await own.account();
    let waiting = true;
    const poll = own.client.get('/v1/events?wait=30', { key }).finally(() => {
      waiting = false;
    });
    await expect.poll(async () => (await own.client.get('/healthz')).status).toBe(200);
    expect(waiting).toBe(true);
    await own.close();
    const answer = await poll;
    expect([answer.body.data, answer.headers.get('connection')]).toEqual([[], 'close']);
  });
});
