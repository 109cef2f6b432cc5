import type { ListedEvent } from '@rushes/contract';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { updateEndpoint } from './change-endpoint.ts';
import { judgeEndpoints } from './endpoint-health.ts';
import { getEndpoint } from './endpoint-view.ts';
import { listEvents } from './events.ts';
import { DISABLE_AFTER_GIVEN_UP, DISABLE_AFTER_MS, DISABLE_AFTER_WARNING_MS } from './limits.ts';
import { startReceiver, type Receiver } from '../../testing/webhooks/receiver.ts';
import { openWebhookRoom, until, type MadeEndpoint, type WebhookRoom } from '../../testing/webhooks/webhook-room.ts';

let room: WebhookRoom;
let receiver: Receiver;
let status: number;
let endpoint: MadeEndpoint;
beforeEach(async () => {
  room = await openWebhookRoom();
  status = 500;
  receiver = await startReceiver((response) => response.writeHead(status).end());
  endpoint = await room.endpoint(await room.account(), receiver.url, ['batch.failed']);
});
afterEach(async () => {
  await room.close();
  await receiver.close();
});

const HOUR_MS = 3_600_000;

async function told(): Promise<ListedEvent[]> {
  const page = await listEvents(room.db, endpoint.accountUuid, { after: 0, limit: 1_000 });
  if (!page.ok) throw new Error(page.refusal.detail);
  return page.value.data.filter(({ type }) => type.startsWith('webhook_endpoint.'));
}

async function send(count: number): Promise<void> {
  await room.events(endpoint.accountUuid, count, 'batch.failed');
  await until(async () => {
    const [left] = await room.db.query<{ open: number }>(
      `SELECT c.last_event_seq - e.fanned_out_seq
         + (SELECT count(*) FROM webhook_deliveries d WHERE d.account_id = c.account_id AND d.state = 'pending') AS open
       FROM credit_accounts c JOIN webhook_endpoints e USING (account_id) WHERE c.account_id = $1`,
      [endpoint.accountUuid],
    );
    return left?.open === 0 ? true : null;
  });
}

const view = () => getEndpoint(room.db, endpoint.accountUuid, endpoint.endpointUuid);

async function isTold(count: number): Promise<ListedEvent[]> {
  return until(async () => {
    const found = await told();
    return found.length >= count ? found : null;
  });
}

describe('an endpoint that only fails', () => {
  beforeEach(() => {
    // One automatic attempt: each failure gives a delivery up.
    room.deliver({ attemptTimesMs: [0], disableAfterMs: null });
  });

  it('is warned of once, when a delivery was given up', async () => {
    await send(1);
    const [event] = await isTold(1);
    const { failing_since: failingSince } = (await view())!;
    expect(event).toMatchObject({
      type: 'webhook_endpoint.failing',
      data: { failing_since: failingSince, given_up: 1, disabled_not_before: null },
    });
    await send(5);
    await Promise.all([1, 2, 3, 4].map(() => judgeEndpoints(room.db, DISABLE_AFTER_MS)));
    expect(await told()).toHaveLength(1);
  });

  it('is disabled after days of it, a day after the warning, with an event and a visible reason', async () => {
    await send(DISABLE_AFTER_GIVEN_UP);
    await isTold(1);
    await room.advance(DISABLE_AFTER_MS);
    // Time alone disables nobody: nothing was tried since.
    await judgeEndpoints(room.db, DISABLE_AFTER_MS);
    expect(await view()).toMatchObject({ enabled: true });
    await send(1);
    await judgeEndpoints(room.db, DISABLE_AFTER_MS);
    const reason = 'The endpoint has not accepted a delivery for too long.';
    expect(await view()).toMatchObject({ enabled: false, disabled_reason: reason });
    expect((await told())[1]).toMatchObject({
      type: 'webhook_endpoint.disabled',
      data: { reason, given_up: DISABLE_AFTER_GIVEN_UP + 1 },
    });
  });

  it('is not disabled before its warning is a day old', async () => {
    // A server that was down: the failures are old, the warning is new.
    await send(DISABLE_AFTER_GIVEN_UP);
    await isTold(1);
    await room.admin.query(
      "UPDATE webhook_endpoints SET failing_since = failing_since - $1 * interval '1 millisecond'",
      [DISABLE_AFTER_MS],
    );
    await judgeEndpoints(room.db, DISABLE_AFTER_MS);
    expect(await view()).toMatchObject({ enabled: true });
    await room.advance(DISABLE_AFTER_WARNING_MS);
    await judgeEndpoints(room.db, DISABLE_AFTER_MS);
    expect(await view()).toMatchObject({ enabled: false });
  });

  it('with few deliveries given up is not disabled, nor when the operator wants none disabled', async () => {
    await send(DISABLE_AFTER_GIVEN_UP - 2);
    await isTold(1);
    await room.advance(DISABLE_AFTER_MS);
    await send(1);
    await judgeEndpoints(room.db, DISABLE_AFTER_MS);
    expect(await view()).toMatchObject({ enabled: true });
    await room.advance(2_000);
    await send(1);
    await judgeEndpoints(room.db, null);
    expect(await view()).toMatchObject({ enabled: true });
    await judgeEndpoints(room.db, DISABLE_AFTER_MS);
    expect(await view()).toMatchObject({ enabled: false });
  });

  it('begins anew with one accepted delivery, and is warned of again in the next outage', async () => {
    await send(DISABLE_AFTER_GIVEN_UP);
    await isTold(1);
    await room.advance(DISABLE_AFTER_MS);
    status = 200;
    await send(1);
    expect(await view()).toMatchObject({ failing_since: null, last_delivery_at: expect.any(String) as string });
    status = 500;
    await send(1);
    const events = await isTold(2);
    expect(events.map(({ type }) => type)).toEqual(['webhook_endpoint.failing', 'webhook_endpoint.failing']);
    await judgeEndpoints(room.db, DISABLE_AFTER_MS);
    expect(await view()).toMatchObject({ enabled: true });
  });

  it('that is enabled by hand begins anew', async () => {
    await send(DISABLE_AFTER_GIVEN_UP);
    await isTold(1);
    const change = (enabled: boolean) => room.db.transaction((tx) => updateEndpoint(tx, endpoint, { enabled }));
    await change(false);
    await room.advance(DISABLE_AFTER_MS);
    expect(await change(true)).toMatchObject({ enabled: true, failing_since: null });
    await send(1);
    await judgeEndpoints(room.db, DISABLE_AFTER_MS);
    expect(await view()).toMatchObject({ enabled: true });
  });

  it('is not blamed for what is our fault', async () => {
    await room.admin.query(`UPDATE webhook_endpoints SET sealed_secret = '\\x00'`);
    await send(1);
    await judgeEndpoints(room.db, DISABLE_AFTER_MS);
    expect(await view()).toMatchObject({ failing_since: null, exhausted_count: 1 });
    expect(await told()).toEqual([]);
  });
});

describe('an endpoint that fails now and then', () => {
  it('is not warned of while attempts are left, though it shows since when it fails', async () => {
    room.deliver({ attemptTimesMs: [0, HOUR_MS], disableAfterMs: null });
    await room.events(endpoint.accountUuid, 1, 'batch.failed');
    await until(async () => ((await view())?.failing_since === null ? null : true));
    await judgeEndpoints(room.db, DISABLE_AFTER_MS);
    expect(await told()).toEqual([]);
    status = 200;
    await room.advance(2 * HOUR_MS);
    await until(async () => ((await view())?.last_delivery_at === null ? null : true));
    expect(await view()).toMatchObject({ failing_since: null, exhausted_count: 0 });
    expect(await told()).toEqual([]);
  });
});
