/** Every receiver behind its real framework, over real connections: the same guarantees for all of them. */
import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';
import {
  EVENT,
  FRAMEWORKS,
  ODD_BODY,
  openPost,
  OTHER_SECRET,
  post,
  recorder,
  SECRET,
  sendEndlessly,
  sendSigned,
} from '../../../test/webhook-receivers.ts';
import { signForTest, type WebhookEvent } from '../index.ts';
import { memoryEventStore } from './event-store.ts';

describe.each(FRAMEWORKS)('%s', (_, start) => {
  test('the event of a genuine request reaches the handler from its bytes as they were, and the answer is 204', async () => {
    const { options, events } = recorder();
    const url = await start(options);
    expect(await sendSigned(url, ODD_BODY)).toEqual({ status: 204, text: '' });
    const now = new Date();
    const headers = {
      'content-type': 'application/json; charset=utf-8',
      'webhook-id': 'evt_1',
      'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
      'webhook-signature': new Webhook(SECRET).sign('evt_1', now, ODD_BODY),
    };
    expect(await post(url, ODD_BODY, headers)).toEqual({ status: 204, text: '' });
    const { 'content-type': _type, ...untyped } = headers;
    expect(await post(url, Buffer.from(ODD_BODY), untyped)).toEqual({ status: 204, text: '' });
    expect(events).toEqual(Array.from({ length: 3 }, () => JSON.parse(ODD_BODY) as unknown));
  });

  test('a request that is not genuine is answered with 400 and no reason; the handler is not called', async () => {
    const { options, events, errors, rejections } = recorder();
    const url = await start(options);
    const { body, headers } = await signForTest(EVENT, SECRET);
    const refused = { status: 400, text: 'The webhook could not be verified.\n' };
    expect(await post(url, `${body} `, headers)).toEqual(refused);
    expect(await sendSigned(url, EVENT, OTHER_SECRET)).toEqual(refused);
    expect(await post(url, body, { 'content-type': 'application/json' })).toEqual(refused);
    expect(await post(url, '', headers)).toEqual(refused);
    expect(await post(url, body, { ...headers, 'webhook-timestamp': '1' })).toEqual(refused);
    expect(await sendSigned(url, 'not json')).toEqual(refused);
    expect({ events, errors }).toEqual({ events: [], errors: [] });
    expect(rejections.map(({ reason }) => reason)).toEqual([
      'bad_signature',
      'bad_signature',
      'missing_header',
      'bad_signature',
      'outside_tolerance',
      'bad_payload',
    ]);
  });

  test('no byte of a body above the bound is kept, announced or not, and the handler is not called', async () => {
    const { options, events } = recorder({ maxBodyBytes: 1_000 });
    const url = await start(options);
    const signed = await signForTest({ ...EVENT, data: { text: 'x'.repeat(2_000) } }, SECRET);
    expect((await post(url, signed.body, signed.headers)).status).toBe(413);
    expect(await sendEndlessly(url)).toMatch(/^HTTP\/1\.1 413 /);
    const exact = await signForTest(JSON.stringify(EVENT).padEnd(1_000 - 8), SECRET);
    expect((await post(url, exact.body, exact.headers)).status).toBe(204);
    expect(events).toEqual([EVENT]);
  });

  test('a handler that fails makes it 500, so that the event comes again; nothing of the failure is in the answer', async () => {
    const failure = new Error('the database of 10.0.0.7 is down');
    let fails = true;
    const { options, errors, events } = recorder();
    const onEvent = async (event: WebhookEvent): Promise<void> => {
      if (fails) throw failure;
      events.push(event);
    };
    const url = await start({ ...options, onEvent, store: memoryEventStore() });
    expect(await sendSigned(url)).toEqual({ status: 500, text: 'The event was not handled.\n' });
    expect(errors).toEqual([failure]);
    fails = false;
    expect((await sendSigned(url)).status).toBe(204);
    expect((await sendSigned(url)).status).toBe(204);
    expect(events).toEqual([EVENT]);
  });

  test('it answers after the handler, or at once when told to', async () => {
    const order: string[] = [];
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const onEvent = async (): Promise<void> => {
      order.push('begun');
      await gate;
      order.push('handled');
    };
    const url = await start({ secret: SECRET, onEvent });
    const answered = sendSigned(url).then(() => order.push('answered'));
    await expect.poll(() => order).toEqual(['begun']);
    open();
    await answered;
    expect(order).toEqual(['begun', 'handled', 'answered']);

    let release: () => void = () => undefined;
    const handled = new Promise<void>((resolve) => (release = resolve));
    let done = false;
    const early = await start({
      secret: SECRET,
      acknowledge: 'at-once',
      onEvent: () => handled.then(() => (done = true)),
    });
    expect((await sendSigned(early)).status).toBe(204);
    expect(done).toBe(false);
    release();
    await expect.poll(() => done).toBe(true);
  });

  test('a connection that breaks off in the middle of the body disturbs nothing', async () => {
    const { options, events, errors } = recorder();
    const url = await start(options);
    const socket = await openPost(url, 500);
    socket.write('{"id":');
    socket.resetAndDestroy();
    expect((await sendSigned(url)).status).toBe(204);
    expect({ events, errors }).toEqual({ events: [EVENT], errors: [] });
  });
});
