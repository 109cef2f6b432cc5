import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { aBatch, API_KEY, clientFor, fakePorts, TEN_ITEMS } from '../../test/fixtures.ts';
import { answer, refuse, serve, until } from '../../test/scripted-server.ts';
import {
  AbortError,
  APIError,
  AuthenticationError,
  BadRequestError,
  ConflictError,
  InsufficientCreditsError,
  InternalServerError,
  InvalidResponseError,
  NotFoundError,
  PayloadTooLargeError,
  PaymentRequiredError,
  PermissionDeniedError,
  RateLimitError,
  TimeoutError,
  UnprocessableEntityError,
  UnsupportedMediaTypeError,
} from '../errors.ts';
import { RushesError } from '../rushes-error.ts';

const CREATE = { model: 'sora-2', items: TEN_ITEMS };

/** What a promise rejects with. */
async function failure(promise: PromiseLike<unknown>): Promise<RushesError & APIError> {
  const outcome = await Promise.allSettled([promise]);
  const [result] = outcome;
  if (result?.status !== 'rejected') throw new Error('it did not reject');
  return result.reason as RushesError & APIError;
}

describe('limits of time', () => {
  test('an attempt without an answer ends after timeoutMs and is tried again', async () => {
    const server = await serve((_, response, at) => {
      if (at > 0) answer(response, 200, { available: 2 });
    });
    const client = clientFor(server.url, { timeoutMs: 300, maxRetries: 20 });
    expect(await client.credits.retrieve()).toMatchObject({ available: 2 });
    expect(server.seen.length).toBeGreaterThan(1);
  });

  test('a body that stops in the middle ends in TimeoutError', async () => {
    const server = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('{');
    });
    const error = await failure(clientFor(server.url, { timeoutMs: 500, maxRetries: 0 }).credits.retrieve());
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error.message).toContain('500 ms');
    await until(() => server.hungUp.length === 1);
  });

  test('a fetch that ignores its signal does not hold up the caller', async () => {
    const deaf = clientFor('http://127.0.0.1:9', {
      timeoutMs: 50,
      maxRetries: 0,
      fetch: () => new Promise<Response>(() => undefined),
    });
    expect(await failure(deaf.credits.retrieve())).toBeInstanceOf(TimeoutError);
  });

  test('no wait goes past the deadline: the last error comes at once', async () => {
    const server = await serve((_, response) => refuse(response, 429, 'rate_limited', {}, { 'retry-after': '10' }));
    const ports = fakePorts();
    const error = await failure(clientFor(server.url, { deadlineMs: 9_000 }, ports).credits.retrieve());
    expect(error).toBeInstanceOf(RateLimitError);
    expect(ports.sleeps).toEqual([]);
  });

  test('the deadline cuts an attempt short', async () => {
    const server = await serve(() => undefined);
    const error = await failure(clientFor(server.url, { deadlineMs: 100, maxRetries: 5 }).credits.retrieve());
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error.message).toContain('deadline of 100 ms');
    expect(server.seen).toHaveLength(1);
  });
});

describe('the caller’s abort', () => {
  test('ends a running attempt, closes its connection and is not retried', async () => {
    const server = await serve(() => undefined);
    const controller = new AbortController();
    const call = failure(clientFor(server.url).batches.create(CREATE, { signal: controller.signal }));
    await until(() => server.seen.length === 1);
    controller.abort(new Error('enough'));
    const error = await call;
    expect(error).toBeInstanceOf(AbortError);
    expect(error.cause).toMatchObject({ message: 'enough' });
    expect(error.requestId).toBeDefined();
    await until(() => server.hungUp.length === 1);
    expect(server.seen).toHaveLength(1);
  });

  test('ends the wait before a retry', async () => {
    const controller = new AbortController();
    const server = await serve((_, response) => refuse(response, 503, 'unavailable'));
    const ports = fakePorts(() => controller.abort());
    const error = await failure(clientFor(server.url, {}, ports).credits.retrieve({ signal: controller.signal }));
    expect(error).toBeInstanceOf(AbortError);
    expect(server.seen).toHaveLength(1);
  });

  test('before the call, nothing is sent', async () => {
    const server = await serve((_, response) => answer(response, 200, {}));
    const error = await failure(clientFor(server.url).credits.retrieve({ signal: AbortSignal.abort() }));
    expect(error).toBeInstanceOf(AbortError);
    expect(server.seen).toHaveLength(0);
  });
});

describe('errors', () => {
  test.each([
    [400, 'invalid_request', BadRequestError],
    [401, 'unauthorized', AuthenticationError],
    [402, 'insufficient_credits', InsufficientCreditsError],
    [402, 'spend_limit_exceeded', PaymentRequiredError],
    [403, 'forbidden', PermissionDeniedError],
    [404, 'not_found', NotFoundError],
    [409, 'price_changed', ConflictError],
    [413, 'payload_too_large', PayloadTooLargeError],
    [415, 'unsupported_media_type', UnsupportedMediaTypeError],
    [422, 'request_id_conflict', UnprocessableEntityError],
    [429, 'rate_limited', RateLimitError],
    [500, 'internal_error', InternalServerError],
    [418, 'new_in_another_version', APIError],
  ])('%i %s has its class, code and trace id', async (status, code, Class) => {
    const server = await serve((_, response) => refuse(response, status, code));
    const error = await failure(clientFor(server.url, { maxRetries: 0 }).credits.retrieve());
    expect(error.constructor).toBe(Class);
    expect(error.name).toBe(Class.name);
    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ status, code, traceId: 'trc_1', param: null, errors: [] });
    expect(error.message).toBe(`${status} ${code}: told ${code} (trace_id trc_1)`);
    expect(error.headers.get('x-trace-id')).toBe('trc_1');
  });

  test('402 carries what is missing', async () => {
    const amounts = { required: 490, available: 100, shortfall: 390 };
    const server = await serve((_, response) => refuse(response, 402, 'insufficient_credits', amounts));
    expect(await failure(clientFor(server.url).batches.create(CREATE))).toMatchObject(amounts);
  });

  test('bad items are in errors, and the first of them in the message', async () => {
    const errors = Array.from({ length: 5 }, (_, index) => ({
      index,
      line: index + 2,
      custom_id: null,
      param: 'prompt',
      code: 'blank',
      detail: 'is blank',
    }));
    const server = await serve((_, response) =>
      refuse(response, 400, 'invalid_items', { errors, error_count: 120, param: 'items' }),
    );
    const error = await failure(clientFor(server.url).batches.create(CREATE));
    expect(error.errors).toEqual(errors);
    expect(error.param).toBe('items');
    expect(error.message).toContain('item 0, line 2: prompt is blank');
    expect(error.message).toContain('and 117 more');
  });

  test('an answer that is not JSON is quoted with its status, 200 characters of it', async () => {
    const page = `<html>${'x'.repeat(500)}`;
    const html = { 'content-type': 'text/html' };
    const bad = await serve((_, response) => answer(response, 502, page, html));
    const error = await failure(clientFor(bad.url, { maxRetries: 0 }).credits.retrieve());
    expect(error).toBeInstanceOf(InternalServerError);
    expect(error.message).toContain(`HTTP 502`);
    expect(error.message).toContain(page.slice(0, 200));
    expect(error.message).not.toContain(page.slice(0, 201));
    const good = await serve((_, response) => answer(response, 200, page, html));
    expect(await failure(clientFor(good.url).credits.retrieve())).toBeInstanceOf(InvalidResponseError);
    expect(good.seen).toHaveLength(1);
  });

  test.each(['null', '[1]x', '"text"', '7'])('%s is not an answer', async (body) => {
    const server = await serve((_, response) => answer(response, 200, body));
    expect(await failure(clientFor(server.url).credits.retrieve())).toBeInstanceOf(InvalidResponseError);
  });

  test('a redirect is reported, and the key does not follow it', async () => {
    const target = await serve((_, response) => answer(response, 200, {}));
    const server = await serve((_, response) => answer(response, 302, {}, { location: `${target.url}/v1/credits` }));
    const error = await failure(clientFor(server.url).credits.retrieve());
    expect(error.message).toContain(target.url);
    expect(target.seen).toHaveLength(0);
  });

  test('the API key is in no message and in no dump of client or error', async () => {
    const echo = await serve((request, response) => answer(response, 500, `you sent ${request.headers.authorization}`));
    const client = clientFor(echo.url, { maxRetries: 0 });
    const error = await failure(client.credits.retrieve());
    expect(echo.seen[0]!.headers.authorization).toBe(`Bearer ${API_KEY}`);
    expect(error.message).toContain('rk_test_[redacted]');
    const dumps = [
      error.message,
      error.stack,
      inspect(error, { depth: 9 }),
      inspect(client, { depth: 9, showHidden: true }),
    ];
    for (const dump of [...dumps, JSON.stringify(client)]) expect(dump).not.toContain('kkkkkkkk');
    const badHeader = clientFor(echo.url, { defaultHeaders: { 'x-token': 'sec\nret' } });
    expect((await failure(badHeader.credits.retrieve())).message).not.toContain('ret"');
  });
});

test('withResponse gives the raw response, the trace id and whether it was a replay', async () => {
  const server = await serve((_, response) => answer(response, 200, aBatch(), { 'idempotent-replayed': 'true' }));
  const { data, response, traceId, replayed } = await clientFor(server.url).batches.create(CREATE).withResponse();
  expect({ id: data.id, status: response.status, traceId, replayed }).toEqual({
    id: 'bat_1',
    status: 200,
    traceId: 'trc_1',
    replayed: true,
  });
});

test('every POST carries exactly one idempotency key', async () => {
  const server = await serve((_, response) => answer(response, 200, {}));
  const client = clientFor(server.url);
  await client.batches.create(CREATE);
  await client.batches.createFromCsv('prompt\na', { model: 'sora-2' });
  await client.batches.createFromNdjson('{"prompt":"a"}', { model: 'sora-2' });
  await client.batches.estimate(CREATE);
  await client.batches.estimateFromCsv('prompt\na', { model: 'sora-2' });
  await client.batches.cancel('bat_1');
  await client.tasks.createLink('tsk_1', { action: 'play' });
  await client.webhookEndpoints.create({ url: 'https://example.com' });
  await client.webhookEndpoints.rotateSecret('whe_1');
  await client.webhookEndpoints.test('whe_1');
  await client.webhookEndpoints.redeliver('whe_1', { since: new Date(0) });
  await client.webhookDeliveries.redeliver('whd_1');
  const keys = server.seen.map(({ headers, url, body }) => {
    const text = body.toString();
    const inBody = text.startsWith('{') ? JSON.parse(text).request_id : undefined;
    return [headers['idempotency-key'], url.searchParams.get('request_id'), inBody].filter(
      (key) => typeof key === 'string',
    );
  });
  expect(keys.map((found) => found.length)).toEqual(keys.map(() => 1));
  expect(new Set(keys.flat()).size).toBe(keys.length);
});

test('ids become one segment of the path, and what is no id is refused before anything is sent', async () => {
  const server = await serve((_, response) => answer(response, 200, {}));
  const client = clientFor(`${server.url}/prefix/`);
  await client.batches.retrieve('a/../b?c');
  expect(server.seen[0]!.url.pathname).toBe('/prefix/v1/batches/a%2F..%2Fb%3Fc');
  expect(await failure(client.batches.retrieve('..'))).toBeInstanceOf(RushesError);
  expect(await failure(client.batches.retrieve(''))).toBeInstanceOf(RushesError);
  expect(server.seen).toHaveLength(1);
});
