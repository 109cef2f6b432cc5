import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AccountUuid } from '@rushes/contract';
import type { Database } from '../db/index.ts';
import { silentLogger } from '../../testing/silent-logger.ts';
import { systemClock } from '../system/index.ts';
import { AttemptRecorder, type MadeAttempt } from './attempt-recorder.ts';
import { claimDeliveries } from './claim-deliveries.ts';
import { fanOut, FIRST_POSITION } from './fan-out.ts';
import { ATTEMPT_LOCK_MS } from './limits.ts';
import { recordAttempts, type AttemptRecord } from './record-attempts.ts';
import type { DeliveryProcessSettings } from '../../testing/webhooks/delivery-process.ts';
import { startReceiver, type Answer, type Receiver } from '../../testing/webhooks/receiver.ts';
import {
  keepingLogger,
  openWebhookRoom,
  until,
  type MadeEndpoint,
  type WebhookRoom,
} from '../../testing/webhooks/webhook-room.ts';

let room: WebhookRoom;
const receivers: Receiver[] = [];
const children: ChildProcess[] = [];
beforeEach(async () => {
  room = await openWebhookRoom();
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await Promise.all(receivers.splice(0).map((receiver) => receiver.close()));
  await room.close();
});

async function receiverWith(answer?: Answer): Promise<Receiver> {
  const receiver = await startReceiver(answer);
  receivers.push(receiver);
  return receiver;
}

function startDeliveryProcess(): ChildProcess {
  const settings: DeliveryProcessSettings = {
    databaseUrl: room.appUrl,
    sealingKey: Buffer.from(room.sealingKey).toString('base64'),
  };
  const script = fileURLToPath(new URL('../../testing/webhooks/delivery-process.ts', import.meta.url));
  const child = spawn(process.execPath, [script, JSON.stringify(settings)], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  children.push(child);
  return child;
}

async function delivered(accountUuid: AccountUuid, count: number) {
  return until(async () => {
    const deliveries = await room.deliveries(accountUuid);
    return deliveries.filter(({ state }) => state === 'delivered').length === count ? deliveries : null;
  });
}

describe('a worker that is killed between an attempt and its record', () => {
  it('causes the attempt to be repeated with the same id and bytes, and nothing to be lost', async () => {
    const receiver = await receiverWith((response, { body }) => {
      // The first worker is killed while it waits for these answers.
      if (receiver.received.filter((one) => one.body === body).length > 1) response.end();
    });
    const accountUuid = await room.account();
    await room.endpoint(accountUuid, receiver.url);
    await room.events(accountUuid, 3);
    const child = startDeliveryProcess();
    await until(() => (receiver.received.length === 3 ? true : null));
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await room.deliveries(accountUuid)).toMatchObject([1, 2, 3].map(() => ({ state: 'pending', attempts: [] })));

    await room.advance(ATTEMPT_LOCK_MS);
    room.deliver();
    for (const { attempts } of await delivered(accountUuid, 3)) expect(attempts).toHaveLength(1);
    const bodies = receiver.received.map(({ body }) => body);
    expect(bodies.slice(3).toSorted()).toEqual(bodies.slice(0, 3).toSorted());
    expect(receiver.ids().slice(3).toSorted()).toEqual(receiver.ids().slice(0, 3).toSorted());
  });

  it('does not have its attempts repeated before its lock has ended', async () => {
    const receiver = await receiverWith((response) => {
      if (receiver.received.length > 1) response.end();
    });
    const accountUuid = await room.account();
    await room.endpoint(accountUuid, receiver.url);
    await room.events(accountUuid, 1);
    const child = startDeliveryProcess();
    await until(() => (receiver.received.length === 1 ? true : null));
    child.kill('SIGKILL');
    await once(child, 'exit');
    room.deliver();
    await room.events(accountUuid, 1);
    await delivered(accountUuid, 1);
    expect(new Set(receiver.ids()).size).toBe(2);
    expect((await room.deliveries(accountUuid))[0]).toMatchObject({ state: 'pending', attempts: [] });
  });
});

describe('1,000 events while the receiver and the workers are killed and restarted', () => {
  it('are all delivered, none lost, no number missing', async () => {
    const received = new Set<string>();
    const answer: Answer = (response, { headers }) => {
      received.add(String(headers['webhook-id']));
      response.end();
    };
    let receiver = await startReceiver(answer);
    const { port, url } = receiver;
    const accountUuid = await room.account();
    await room.endpoint(accountUuid, url);
    for (let round = 0; round < 4; round += 1) {
      const child = startDeliveryProcess();
      await room.events(accountUuid, 250);
      const goal = received.size + 60;
      await until(() => (received.size >= goal ? true : null));
      await receiver.close();
      await until(async () => {
        const failing = await room.db.query(`SELECT 1 FROM webhook_attempts WHERE status_code IS NULL LIMIT 1`);
        return failing.length > 0 ? true : null;
      });
      child.kill('SIGKILL');
      await once(child, 'exit');
      receiver = await startReceiver(answer, port);
      await room.advance(80_000);
    }
    receivers.push(receiver);
    room.deliver();
    await room.advance(1_200_000);
    const deliveries = await until(async () => {
      const all = await room.deliveries(accountUuid);
      return all.length === 1_000 && all.every(({ state }) => state !== 'pending') ? all : null;
    });
    const lost = deliveries.filter(({ state, event_id }) => state === 'delivered' && !received.has(event_id));
    expect(lost).toEqual([]);
    for (const delivery of deliveries) {
      if (delivery.state === 'exhausted') expect(delivery.attempts.length).toBeGreaterThanOrEqual(3);
    }
  });
});

describe('a worker that stalled past its lock', () => {
  const record = (endpoint: MadeEndpoint, fence: number, over: Partial<AttemptRecord>): AttemptRecord => ({
    account_id: endpoint.accountUuid,
    endpoint_id: endpoint.endpointUuid,
    event_seq: 1,
    fence,
    ageMs: 5,
    durationMs: 5,
    statusCode: 500,
    error: 'HTTP 500',
    responseExcerpt: null,
    accepted: false,
    retryDelayMs: null,
    gone: false,
    ourFault: false,
    ...over,
  });
  const claim = async (endpoint: MadeEndpoint) => {
    const allotment = { account_id: endpoint.accountUuid, endpoint_id: endpoint.endpointUuid, room: 10 };
    return claimDeliveries(room.db, [allotment], ATTEMPT_LOCK_MS);
  };
  const claimedTwice = async (): Promise<MadeEndpoint> => {
    const accountUuid = await room.account();
    const endpoint = await room.endpoint(accountUuid, 'http://127.0.0.1:9/');
    await room.events(accountUuid, 1);
    await fanOut(room.db, FIRST_POSITION, 0);
    expect(await claim(endpoint)).toMatchObject([{ fence: 1, attempts: 0 }]);
    expect(await claim(endpoint)).toEqual([]);
    await room.advance(ATTEMPT_LOCK_MS);
    expect(await claim(endpoint)).toMatchObject([{ fence: 2, attempts: 0 }]);
    return endpoint;
  };

  it('has its failure written down, and decides nothing by it', async () => {
    const endpoint = await claimedTwice();
    await recordAttempts(room.db, [record(endpoint, 1, {})]);
    expect(await room.deliveries(endpoint.accountUuid)).toMatchObject([
      { state: 'pending', attempts: [{ attempt: 1 }] },
    ]);
    // The present holder's lock still holds.
    expect(await claim(endpoint)).toEqual([]);
    await recordAttempts(room.db, [record(endpoint, 2, { statusCode: 200, error: null, accepted: true })]);
    expect(await room.deliveries(endpoint.accountUuid)).toMatchObject([
      { state: 'delivered', exhausted_reason: null, attempts: [{ status_code: 500 }, { status_code: 200 }] },
    ]);
  });

  it('has its success count, whatever the present holder meets with', async () => {
    const endpoint = await claimedTwice();
    await recordAttempts(room.db, [record(endpoint, 1, { statusCode: 200, error: null, accepted: true })]);
    await recordAttempts(room.db, [record(endpoint, 2, {})]);
    expect(await room.deliveries(endpoint.accountUuid)).toMatchObject([
      { state: 'delivered', exhausted_reason: null, attempts: [{ status_code: 200 }, { status_code: 500 }] },
    ]);
  });

  it('races the present holder without losing an attempt', async () => {
    const endpoint = await claimedTwice();
    await Promise.all([
      recordAttempts(room.db, [record(endpoint, 1, {})]),
      recordAttempts(room.db, [record(endpoint, 2, { retryDelayMs: 1_000 })]),
    ]);
    const [delivery] = await room.deliveries(endpoint.accountUuid);
    expect(delivery!.attempts.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(delivery!.state).toBe('pending');
  });
});

describe('recording an attempt', () => {
  it('twice for one delivery at the same time writes both', async () => {
    const accountUuid = await room.account();
    const { endpointUuid } = await room.endpoint(accountUuid, 'http://127.0.0.1:9/');
    await room.events(accountUuid, 2);
    await fanOut(room.db, FIRST_POSITION, 0);
    const recorder = new AttemptRecorder({ db: room.db, clock: systemClock, logger: silentLogger });
    const made = (seq: number): MadeAttempt => ({
      account_id: accountUuid,
      endpoint_id: endpointUuid,
      event_seq: seq,
      fence: 0,
      startedAtMs: systemClock.monotonicMs(),
      durationMs: 1,
      statusCode: 500,
      error: 'HTTP 500',
      responseExcerpt: null,
      accepted: false,
      retryDelayMs: 1_000,
      gone: false,
      ourFault: false,
      disabled: null,
    });
    // The first one is being written when the others come, so that those meet in one batch.
    await Promise.all([1, 2, 2].map((seq) => recorder.record(made(seq))));
    expect((await room.deliveries(accountUuid)).map(({ attempts }) => attempts.length)).toEqual([1, 2]);
  });

  it('is tried until the database is back, and the attempt is not made again', async () => {
    const receiver = await receiverWith();
    const accountUuid = await room.account();
    await room.endpoint(accountUuid, receiver.url);
    let refusals = 2;
    const flaky: Database = {
      ...room.db,
      query: async (sql, values) => {
        if (sql.includes('INSERT INTO webhook_attempts') && refusals > 0) {
          refusals -= 1;
          throw Object.assign(new Error('the database is starting up'), { code: '57P03' });
        }
        return room.db.query(sql, values);
      },
    };
    room.deliver({ db: flaky });
    await room.events(accountUuid, 1);
    expect(await delivered(accountUuid, 1)).toMatchObject([{ attempts: [{ attempt: 1, status_code: 200 }] }]);
    expect(refusals).toBe(0);
    expect(receiver.received).toHaveLength(1);
  });

  it('that the database refuses does not take others with it', async () => {
    const held: (() => void)[] = [];
    const receiver = await receiverWith((response) => {
      held.push(() => response.end());
      if (held.length === 4) for (const end of held) end();
    });
    const accountUuid = await room.account();
    const endpoint = await room.endpoint(accountUuid, receiver.url);
    await room.events(accountUuid, 4);
    await fanOut(room.db, FIRST_POSITION, 0);
    // An attempt with this number is there already, which the primary key refuses.
    await room.admin.query(
      `INSERT INTO webhook_attempts (account_id, endpoint_id, event_seq, attempt, started_at, duration_ms)
       VALUES ($1, $2, 2, 1, now(), 0)`,
      [accountUuid, endpoint.endpointUuid],
    );
    const { logger, lines } = keepingLogger();
    room.deliver({ logger });
    const deliveries = await delivered(accountUuid, 3);
    expect(deliveries.map(({ state }) => state)).toEqual(['delivered', 'pending', 'delivered', 'delivered']);
    await until(() => (lines.some((line) => line.includes('could not be recorded')) ? true : null));
  });
});

describe('stopping', () => {
  it('waits for the attempts under way and records them, and claims nothing more', async () => {
    let answerNow = (): void => undefined;
    const receiver = await receiverWith((response) => {
      answerNow = () => response.end();
    });
    const accountUuid = await room.account();
    await room.endpoint(accountUuid, receiver.url);
    const delivery = room.deliver();
    await room.events(accountUuid, 1);
    await until(() => (receiver.received.length === 1 ? true : null));
    const stopped = delivery.stop();
    await room.events(accountUuid, 1);
    // Only a stop that does not wait could win this.
    const first = await Promise.race([
      stopped.then(() => 'stopped'),
      systemClock.sleep(500).then(() => 'still waiting'),
    ]);
    expect(first).toBe('still waiting');
    answerNow();
    await stopped;
    expect(await room.deliveries(accountUuid)).toMatchObject([
      { state: 'delivered', attempts: [{ status_code: 200 }] },
    ]);
    expect(receiver.received).toHaveLength(1);
  });
});

describe('a receiver that hangs', () => {
  it('does not delay another, with as many hanging as healthy ones and few slots', async () => {
    const hanging = await receiverWith(() => undefined);
    const healthy = await receiverWith();
    const accountUuid = await room.account();
    for (let at = 0; at < 10; at += 1) await room.endpoint(accountUuid, hanging.url);
    for (let at = 0; at < 10; at += 1) await room.endpoint(accountUuid, healthy.url);
    // No attempt is given up here, so that a healthy delivery can only pass the hanging ones, not outlast them.
    const sender = room.sender(600_000);
    room.deliver({ sender, windowLimits: { maxConcurrentAttempts: 50, maxSlowAttempts: 25 } });
    await room.events(accountUuid, 20);
    await until(() => (healthy.received.length === 200 ? true : null));
    expect(hanging.received.length).toBeLessThanOrEqual(40);
  });

  it('leaves the others everything: 10 of 50 endpoints hang for ever', { timeout: 60_000 }, async () => {
    const hanging = await receiverWith(() => undefined);
    const healthy = await receiverWith();
    const accounts: AccountUuid[] = [];
    for (let account = 0; account < 5; account += 1) {
      const accountUuid = await room.account();
      accounts.push(accountUuid);
      for (let at = 0; at < 10; at += 1) await room.endpoint(accountUuid, at < 2 ? hanging.url : healthy.url);
    }
    // As for the time limit: the real one, so that the hanging attempts end and are tried again meanwhile.
    room.deliver();
    const eventsEach = 40;
    for (const accountUuid of accounts) await room.events(accountUuid, eventsEach);
    await until(() => (healthy.received.length >= 40 * eventsEach ? true : null));
    const [sums] = await until(async () => {
      const rows = await room.db.query<{ delivered: number; accepted_elsewhere: number }>(
        `SELECT count(*) FILTER (WHERE d.state = 'delivered') AS delivered,
           count(*) FILTER (WHERE d.state = 'delivered' AND e.url = $1) AS accepted_elsewhere
         FROM webhook_deliveries d JOIN webhook_endpoints e USING (account_id, endpoint_id)`,
        [hanging.url],
      );
      return rows[0]?.delivered === 40 * eventsEach ? rows : null;
    });
    expect(sums!.accepted_elsewhere).toBe(0);
    // Each event once to each of the 40.
    expect(healthy.received).toHaveLength(40 * eventsEach);
    const perEvent = new Map<string, number>();
    for (const id of healthy.ids()) perEvent.set(id, (perEvent.get(id) ?? 0) + 1);
    expect([...new Set(perEvent.values())]).toEqual([8]);
    expect(perEvent.size).toBe(5 * eventsEach);
  });
});
