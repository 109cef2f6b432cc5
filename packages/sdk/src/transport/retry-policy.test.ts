import { describe, expect, test } from 'vitest';
import { aBatch, clientFor, fakePorts, TEN_ITEMS } from '../../test/fixtures.ts';
import { answer, refuse, reset, serve } from '../../test/scripted-server.ts';
import { type APIError, ConnectionError, InvalidResponseError, NotFoundError, RateLimitError } from '../errors.ts';
import { RushesError } from '../rushes-error.ts';

const CREATE = { model: 'sora-2', items: TEN_ITEMS };

/** What a promise rejects with. */
async function failure(promise: PromiseLike<unknown>): Promise<RushesError & APIError> {
  const outcome = await Promise.allSettled([promise]);
  const [result] = outcome;
  if (result?.status !== 'rejected') throw new Error('it did not reject');
  return result.reason as RushesError & APIError;
}

describe('retries', () => {
  test('every attempt of a creation carries the same request_id and the same bytes', async () => {
    const server = await serve((_, response, at) => {
      if (at === 0) reset(response);
      else if (at === 1) refuse(response, 503, 'unavailable');
      else answer(response, 201, aBatch());
    });
    const ports = fakePorts();
    const batch = await clientFor(server.url, {}, ports).batches.create(CREATE);
    expect(batch.id).toBe('bat_1');
    expect(server.seen).toHaveLength(3);
    const bodies = server.seen.map(({ body }) => body.toString());
    expect(new Set(bodies).size).toBe(1);
    expect(JSON.parse(bodies[0]!).request_id).toBe(ports.uuid().replace(/2$/, '1'));
    expect(server.seen[0]!.headers['idempotency-key']).toBeUndefined();
  });

  test('the caller’s own request_id is used as it is', async () => {
    const server = await serve((_, response) => answer(response, 201, aBatch()));
    await clientFor(server.url).batches.create({ ...CREATE, request_id: 'order 7' });
    expect(JSON.parse(server.seen[0]!.body.toString()).request_id).toBe('order 7');
  });

  test.each<[string, (client: ReturnType<typeof clientFor>) => PromiseLike<unknown>]>([
    ['two different keys', (client) => client.batches.create({ ...CREATE, request_id: 'a' }, { idempotencyKey: 'b' })],
    ['what is no JSON', (client) => client.batches.create({ ...CREATE, spend_limit: 10n as unknown as number })],
    ['no date', (client) => client.batches.list({ created_after: new Date('x') })],
    ['no text', (client) => client.batches.retrieve('bat_\ud800')],
  ])('%s is a RushesError, and nothing is sent', async (_, call) => {
    const server = await serve(() => undefined);
    expect(await failure(call(clientFor(server.url)))).toBeInstanceOf(RushesError);
    expect(server.seen).toEqual([]);
  });

  test('a connection that is never answered ends in ConnectionError with the request_id to go on with', async () => {
    const server = await serve((_, response) => reset(response));
    const error = await failure(clientFor(server.url).batches.create({ ...CREATE, request_id: 'order-7' }));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.requestId).toBe('order-7');
    expect(error.message).toContain('order-7');
    expect(server.seen).toHaveLength(3);
  });

  test.each([408, 429, 500, 502, 503, 504])('%i is tried again', async (status) => {
    const server = await serve((_, response, at) => {
      if (at === 0) refuse(response, status, 'whatever');
      else answer(response, 200, { available: 1 });
    });
    expect(await clientFor(server.url).credits.retrieve()).toMatchObject({ available: 1 });
  });

  test.each([400, 401, 402, 403, 404, 405, 409, 413, 415, 422])('%i is final', async (status) => {
    const server = await serve((_, response) => refuse(response, status, 'whatever'));
    expect((await failure(clientFor(server.url).credits.retrieve())).status).toBe(status);
    expect(server.seen).toHaveLength(1);
  });

  test('409 is tried again only when the server names a time', async () => {
    const server = await serve((_, response, at) => {
      if (at === 0) refuse(response, 409, 'state_conflict', {}, { 'retry-after': '1' });
      else answer(response, 200, {});
    });
    const ports = fakePorts();
    await clientFor(server.url, {}, ports).credits.retrieve();
    expect(ports.sleeps).toEqual([1_000]);
  });

  test.each([400, 402, 404, 409, 422])(
    '%i is tried again when the server says x-should-retry: true',
    async (status) => {
      const server = await serve((_, response, at) => {
        if (at === 0) refuse(response, status, 'whatever', {}, { 'x-should-retry': 'true' });
        else answer(response, 200, { available: 1 });
      });
      const ports = fakePorts();
      expect(await clientFor(server.url, {}, ports).credits.retrieve()).toMatchObject({ available: 1 });
      expect(ports.sleeps).toEqual([375]);
    },
  );

  test.each([408, 429, 500, 503])('%i is final when the server says x-should-retry: false', async (status) => {
    const headers = { 'x-should-retry': 'false', 'retry-after': '1' };
    const server = await serve((_, response) => refuse(response, status, 'whatever', {}, headers));
    const ports = fakePorts();
    expect((await failure(clientFor(server.url, {}, ports).credits.retrieve())).status).toBe(status);
    expect([server.seen.length, ports.sleeps]).toEqual([1, []]);
  });

  test('with x-should-retry: true the limits of retrying hold: their number, Retry-After and the longest wait', async () => {
    const headers = { 'x-should-retry': 'true', 'retry-after': '2' };
    const server = await serve((_, response) => refuse(response, 409, 'state_conflict', {}, headers));
    const ports = fakePorts();
    await failure(clientFor(server.url, {}, ports).credits.retrieve());
    expect(ports.sleeps).toEqual([2_000, 2_000]);
    await failure(clientFor(server.url, { maxRetries: 0 }, ports).credits.retrieve());
    headers['retry-after'] = '7200';
    await failure(clientFor(server.url, {}, ports).credits.retrieve());
    expect(server.seen).toHaveLength(5);
  });

  test('an x-should-retry that is neither true nor false, or that is not on a refusal, changes nothing', async () => {
    const server = await serve((_, response, at) => {
      if (at === 0) refuse(response, 503, 'unavailable', {}, { 'x-should-retry': 'perhaps' });
      else if (at === 1) refuse(response, 404, 'not_found', {}, { 'x-should-retry': '1' });
      else answer(response, 200, 'the page of a proxy', { 'x-should-retry': 'true' });
    });
    expect(await failure(clientFor(server.url).credits.retrieve())).toBeInstanceOf(NotFoundError);
    expect(await failure(clientFor(server.url).credits.retrieve())).toBeInstanceOf(InvalidResponseError);
    expect(server.seen).toHaveLength(3);
  });

  test('the server’s Retry-After wins over the backoff, in seconds and as a date', async () => {
    const date = new Date(Date.UTC(2030, 0, 1));
    const later = new Date(date.getTime() + 7_000);
    const server = await serve((_, response, at) => {
      if (at === 0) refuse(response, 429, 'rate_limited', {}, { 'retry-after': '3' });
      else if (at === 1) {
        const headers = { 'retry-after': later.toUTCString(), date: date.toUTCString() };
        refuse(response, 503, 'unavailable', {}, headers);
      } else answer(response, 200, {});
    });
    const ports = fakePorts();
    await clientFor(server.url, {}, ports).credits.retrieve();
    expect(ports.sleeps).toEqual([3_000, 7_000]);
  });

  test('without one the backoff doubles, is capped and jittered', async () => {
    const server = await serve((_, response) => refuse(response, 500, 'internal_error', {}, { 'retry-after': 'soon' }));
    const ports = fakePorts();
    await failure(clientFor(server.url, { maxRetries: 7 }, ports).credits.retrieve());
    expect(ports.sleeps).toEqual([375, 750, 1_500, 3_000, 6_000, 6_000, 6_000]);
  });

  test('a Retry-After of hours is handed to the caller instead of being slept through', async () => {
    const server = await serve((_, response) => refuse(response, 429, 'abnormal_usage', {}, { 'retry-after': '7200' }));
    const ports = fakePorts();
    const error = await failure(clientFor(server.url, {}, ports).credits.retrieve());
    expect(error).toBeInstanceOf(RateLimitError);
    expect(error.retryAfterMs).toBe(7_200_000);
    expect(ports.sleeps).toEqual([]);
  });

  test('maxRetries 0 means one attempt', async () => {
    const server = await serve((_, response) => reset(response));
    expect(await failure(clientFor(server.url, { maxRetries: 0 }).credits.retrieve())).toBeInstanceOf(ConnectionError);
    expect(server.seen).toHaveLength(1);
  });

  test('a call setting wins over the client’s', async () => {
    const server = await serve((_, response) => reset(response));
    await failure(clientFor(server.url, { maxRetries: 0 }).credits.retrieve({ maxRetries: 1 }));
    expect(server.seen).toHaveLength(2);
  });

  test('an answer whose body breaks off is tried again', async () => {
    const server = await serve((_, response, at) => {
      if (at > 0) {
        answer(response, 200, { available: 5 });
        return;
      }
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
      response.write('{"available":', () => reset(response));
    });
    expect(await clientFor(server.url).credits.retrieve()).toMatchObject({ available: 5 });
  });

  test('a deletion whose answer was lost succeeds when the object is gone', async () => {
    const lost = await serve((_, response, at) => (at === 0 ? reset(response) : refuse(response, 404, 'not_found')));
    await expect(clientFor(lost.url).webhookEndpoints.delete('whe_1')).resolves.toBeUndefined();
    const never = await serve((_, response) => refuse(response, 404, 'not_found'));
    expect(await failure(clientFor(never.url).webhookEndpoints.delete('whe_1'))).toBeInstanceOf(NotFoundError);
  });
});
