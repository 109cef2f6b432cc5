import { request as httpRequest } from 'node:http';
import { Hono } from 'hono';
import { describe, expect, test } from 'vitest';
import {
  EVENT,
  listen,
  OTHER_SECRET,
  recorder,
  SECRET,
  sendSigned,
  startExpress,
} from '../../../test/webhook-receivers.ts';
import { RushesError, signForTest, WebhookVerificationError } from '../index.ts';
import { memoryEventStore } from './event-store.ts';
import { expressReceiver } from './express.ts';
import { fastifyReceiver } from './fastify.ts';
import { fetchReceiver } from './fetch.ts';
import { honoReceiver } from './hono.ts';
import { koaReceiver } from './koa.ts';
import { nodeReceiver } from './node.ts';

describe('the store', () => {
  test('of deliveries at the same time one is handled, and the others come again', async () => {
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    let handled = 0;
    const onEvent = async (): Promise<void> => {
      handled += 1;
      await gate;
    };
    const url = await startExpress({ secret: SECRET, onEvent, store: memoryEventStore() });
    const first = sendSigned(url);
    await expect.poll(() => handled).toBe(1);
    const { body, headers } = await signForTest(EVENT, SECRET);
    const second = await fetch(url, { method: 'POST', body, headers });
    expect({ status: second.status, retryAfter: second.headers.get('retry-after') }).toEqual({
      status: 503,
      retryAfter: '60',
    });
    open();
    expect((await first).status).toBe(204);
    expect((await sendSigned(url)).status).toBe(204);
    expect(handled).toBe(1);
  });

  test('one that fails before the handler asks for another delivery; one that fails after it does not', async () => {
    const down = new Error('store is down');
    const cannot = (): never => {
      throw down;
    };
    const before = recorder({ store: { ...memoryEventStore(), claim: cannot } });
    expect((await sendSigned(await startExpress(before.options))).status).toBe(500);
    expect({ events: before.events, errors: before.errors }).toEqual({ events: [], errors: [down] });

    const after = recorder({ store: { ...memoryEventStore(), complete: cannot } });
    expect((await sendSigned(await startExpress(after.options))).status).toBe(204);
    expect({ events: after.events, errors: after.errors }).toEqual({ events: [EVENT], errors: [down] });

    const failed = new Error('handler failed');
    const both = recorder({ store: { ...memoryEventStore(), release: cannot } });
    const onEvent = (): never => {
      throw failed;
    };
    expect((await sendSigned(await startExpress({ ...both.options, onEvent }))).status).toBe(500);
    expect(both.errors).toEqual([failed, down]);
  });

  test('in memory it forgets the oldest first', () => {
    const store = memoryEventStore({ maxEvents: 2 });
    for (const id of ['a', 'b', 'c']) {
      expect(store.claim(id)).toBe('claimed');
      void store.complete(id);
    }
    expect(['b', 'c', 'a'].map((id) => store.claim(id))).toEqual(['handled', 'handled', 'claimed']);
    expect(store.claim('a')).toBe('busy');
    void store.release('a');
    expect(store.claim('a')).toBe('claimed');
  });
});

describe('settings', () => {
  const onEvent = (): undefined => undefined;

  test('a secret that is none, a missing handler and a bound that cannot be meant are refused at start', () => {
    for (const make of [nodeReceiver, expressReceiver, koaReceiver, fastifyReceiver, honoReceiver, fetchReceiver]) {
      for (const secret of ['', 'whsec_', undefined as never, [], [SECRET, 'whsec_%%']]) {
        expect(() => make({ secret, onEvent })).toThrow(WebhookVerificationError);
      }
      expect(() => make({ secret: SECRET, onEvent: undefined as never })).toThrow(RushesError);
      for (const maxBodyBytes of [0, 1.5, Number.NaN]) {
        expect(() => make({ secret: SECRET, onEvent, maxBodyBytes })).toThrow(RushesError);
      }
    }
  });

  test('the secret may be chosen by what the event claims to be; one that cannot be had is 500', async () => {
    const { options, events, errors } = recorder();
    const secret = async ({ type }: { type: string }): Promise<string[]> => {
      if (type === 'task.failed') throw new Error('no secret');
      return type === 'webhook.test' ? [OTHER_SECRET, SECRET] : [OTHER_SECRET];
    };
    const receive = fetchReceiver({ ...options, secret });
    const send = async (type: string): Promise<number> => {
      const { body, headers } = await signForTest({ ...EVENT, type }, SECRET);
      return (await receive(new Request('http://x/', { method: 'POST', body, headers }))).status;
    };
    expect([await send('webhook.test'), await send('batch.failed'), await send('task.failed')]).toEqual([
      204, 400, 500,
    ]);
    expect(events).toHaveLength(1);
    expect(errors).toHaveLength(1);
  });

  test('what is no POST is 405, and an error report that fails changes no answer', async () => {
    const fail = (): never => {
      throw new Error('the logger is down');
    };
    const receive = fetchReceiver({ secret: SECRET, onEvent: fail, onError: fail, onRejected: fail });
    const got = await receive(new Request('http://x/'));
    expect({ status: got.status, allow: got.headers.get('allow') }).toEqual({ status: 405, allow: 'POST' });
    const { body, headers } = await signForTest(EVENT, SECRET);
    expect((await receive(new Request('http://x/', { method: 'POST', body, headers }))).status).toBe(500);
    expect((await receive(new Request('http://x/', { method: 'POST', body: 'x' }))).status).toBe(400);
  });

  test('answering at once keeps a runtime going that would otherwise end with the answer', async () => {
    const kept: Promise<unknown>[] = [];
    const context = { waitUntil: (work: Promise<unknown>) => void kept.push(work) };
    const { options, events } = recorder({ acknowledge: 'at-once' });
    const { body, headers } = await signForTest(EVENT, SECRET);
    const request = (): Request => new Request('http://x/hooks/rushes', { method: 'POST', body, headers });
    expect((await fetchReceiver(options)(request(), context)).status).toBe(204);
    const app = new Hono();
    app.post('/hooks/rushes', honoReceiver(options));
    const worker = { ...context, passThroughOnException: () => undefined, props: {} };
    expect((await app.fetch(request(), {}, worker)).status).toBe(204);
    await Promise.all(kept);
    expect({ kept: kept.length, events: events.length }).toEqual({ kept: 2, events: 2 });
  });

  test('a header that came twice is refused, as node:http tells it', async () => {
    const { options, rejections } = recorder();
    const { hostname, port, pathname } = new URL(await listen(nodeReceiver(options)));
    const { body, headers } = await signForTest(EVENT, SECRET);
    const status = await new Promise<number | undefined>((resolve) => {
      const request = httpRequest({ hostname, port, path: pathname, method: 'POST' }, (response) =>
        resolve(response.resume().statusCode),
      );
      for (const [name, value] of Object.entries(headers)) request.setHeader(name, value);
      request.setHeader('webhook-id', ['evt_1', 'evt_2']);
      request.end(body);
    });
    expect({ status, reasons: rejections.map(({ reason }) => reason) }).toEqual({
      status: 400,
      reasons: ['bad_signature'],
    });
  });
});
