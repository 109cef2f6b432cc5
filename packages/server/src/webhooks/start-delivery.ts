/**
 * The loops that make webhooks of events: fan-out (events to deliveries) and delivery (deliveries to attempts); and one
 * that warns of endpoints that only fail.
 * Any number of processes may run them on one database. None takes part in a settlement.
 */
import { parseRetryAfter, endpointIds } from '@rushes/contract';
import type { Database } from '../db/index.ts';
import type { Clock, Logger, Random } from '../ports.ts';
import { AttemptRecorder, type MadeAttempt } from './attempt-recorder.ts';
import {
  claimDeliveries,
  lookForWaitingEndpoints,
  type ClaimedDelivery,
  type WaitingEndpoint,
} from './claim-deliveries.ts';
import { closeDeliveries } from './close-deliveries.ts';
import { DeliveryWindows, type WindowLimits } from './delivery-windows.ts';
import { judgeEndpoints } from './endpoint-health.ts';
import { eventBody, renderEvent } from './events.ts';
import { fanOut, FIRST_POSITION } from './fan-out.ts';
import { ATTEMPT_LOCK_MS, ATTEMPT_TIMES_MS, DISABLE_AFTER_MS, DRAIN_TIMEOUT_MS, HEALTH_POLL_MS } from './limits.ts';
import { startPollingLoop, type RoundResult } from './polling-loop.ts';
import { nextAttemptDelayMs } from './retry-schedule.ts';
import type { SecretSealer } from './secret-sealing.ts';
import { signedHeaders } from './signing.ts';
import type { WebhookAnswer, WebhookSender } from './webhook-sender.ts';

export interface DeliveryOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly sealer: SecretSealer;
  /** The caller's: stop does not close it. */
  readonly sender: WebhookSender;
  /** When each automatic attempt is due, counted from the event; as many as there are attempts. */
  readonly attemptTimesMs?: readonly number[];
  readonly windowLimits?: WindowLimits;
  /** Nothing but failures for so long disables an endpoint; null: never. */
  readonly disableAfterMs?: number | null;
}

export interface Delivery {
  /** Looks at once; for a caller that knows of a new event. */
  wake(): void;
  /** Claims nothing more, waits for the attempts under way and their records. What cannot be recorded is repeated. */
  stop(): Promise<void>;
}

const USER_AGENT = 'Rushes-Webhooks/1';
const HTTP_GONE = 410;
const GONE_REASON = 'The receiver answered 410 Gone.';

/** An attempt that never left this process: the row cannot be read, or its secret not be unsealed. */
const OUR_FAULT: WebhookAnswer = {
  statusCode: null,
  error: 'not sent: an error on our side',
  responseExcerpt: null,
  accepted: false,
  durationMs: 0,
  retryAfter: null,
};

/** Starts the loops. */
export function startDelivery(options: DeliveryOptions): Delivery {
  const { db, clock, logger, attemptTimesMs = ATTEMPT_TIMES_MS } = options;
  const windows = new DeliveryWindows(clock, options.windowLimits);
  const recorder = new AttemptRecorder({ db, clock, logger });
  const underWay = new Set<Promise<void>>();
  let fanOutPosition = FIRST_POSITION;
  let lookPosition = FIRST_POSITION;

  const deliver = async (delivery: ClaimedDelivery, endpoint: WaitingEndpoint): Promise<void> => {
    const startedAtMs = clock.monotonicMs();
    windows.begin(endpoint);
    const answer = await send(options, delivery, endpoint);
    await recorder.record(madeAttempt(options, attemptTimesMs, { delivery, answer, startedAtMs }));
    windows.end(endpoint, answer);
  };

  const fanOutRound = async (): Promise<RoundResult> => {
    const began = fanOutPosition;
    const { moved, next } = await fanOut(db, began, attemptTimesMs[0] ?? 0);
    fanOutPosition = next;
    if (moved > 0) deliveryLoop.wake();
    return moved > 0 || began !== FIRST_POSITION ? 'more' : 'nothing';
  };

  const deliveryRound = async (): Promise<RoundResult> => {
    const { endpoints, next } = await lookForWaitingEndpoints(db, lookPosition);
    lookPosition = next;
    let closed = 0;
    for (const endpoint of endpoints) if (endpoint.ended !== null) closed += await closeDeliveries(db, endpoint);

    const allotments = windows.allot(endpoints.filter((endpoint) => endpoint.ended === null));
    const claimed = allotments.length === 0 ? [] : await claimDeliveries(db, allotments, ATTEMPT_LOCK_MS);
    const byId = new Map(allotments.map(({ endpoint }) => [endpoint.endpoint_id, endpoint]));
    for (const delivery of claimed) {
      const endpoint = byId.get(delivery.endpoint_id);
      if (endpoint === undefined)
        throw new Error(`claimed a delivery of ${delivery.endpoint_id}, which was not asked for`);
      const attempt: Promise<void> = deliver(delivery, endpoint).finally(() => {
        underWay.delete(attempt);
        deliveryLoop.wake();
      });
      underWay.add(attempt);
    }
    return claimed.length > 0 || closed > 0 || next !== FIRST_POSITION ? 'more' : 'nothing';
  };

  const deliveryLoop = startPollingLoop({ doing: 'delivering webhooks', clock, logger, round: deliveryRound });
  const fanOutLoop = startPollingLoop({ doing: 'fanning events out', clock, logger, round: fanOutRound });
  const disableAfterMs = options.disableAfterMs === undefined ? DISABLE_AFTER_MS : options.disableAfterMs;
  const healthLoop = startPollingLoop({
    doing: 'judging the health of endpoints',
    clock,
    logger,
    round: async () => ((await judgeEndpoints(db, disableAfterMs)) ? 'more' : 'nothing'),
    pauseMs: HEALTH_POLL_MS,
  });

  return {
    wake: () => {
      fanOutLoop.wake();
    },
    async stop() {
      await Promise.all([fanOutLoop.stop(), deliveryLoop.stop(), healthLoop.stop()]);
      const patience = new AbortController();
      const drained = Promise.allSettled(underWay);
      const expired = clock.sleep(DRAIN_TIMEOUT_MS, patience.signal).then(
        () => {
          recorder.giveUp();
        },
        () => undefined,
      );
      await drained;
      patience.abort();
      await expired;
    },
  };
}

async function send(
  options: DeliveryOptions,
  delivery: ClaimedDelivery,
  endpoint: WaitingEndpoint,
): Promise<WebhookAnswer> {
  try {
    const event = renderEvent(delivery);
    const body = eventBody(event);
    const row = { accountUuid: endpoint.account_id, endpointUuid: endpoint.endpoint_id };
    const secrets = [endpoint.sealed_secret, ...endpoint.retired_secrets];
    const keys = secrets.map((secret) => options.sealer.unseal(secret, row));
    const headers = { ...signedHeaders(keys, event.id, options.clock.now(), body), 'user-agent': USER_AGENT };
    return await options.sender.send({ url: endpoint.url, headers, body });
  } catch (error) {
    options.logger.error(
      { err: error, endpoint_id: endpoint.endpoint_id, event_seq: delivery.seq },
      'a webhook could not be sent',
    );
    return OUR_FAULT;
  }
}

interface FinishedAttempt {
  readonly delivery: ClaimedDelivery;
  readonly answer: WebhookAnswer;
  readonly startedAtMs: number;
}

function madeAttempt(
  { clock, random }: DeliveryOptions,
  attemptTimesMs: readonly number[],
  { delivery, answer, startedAtMs }: FinishedAttempt,
): MadeAttempt {
  const gone = answer.statusCode === HTTP_GONE;
  const retryDelayMs = nextAttemptDelayMs({
    attemptTimesMs,
    attemptsMade: delivery.attempts + 1,
    fraction: random.fraction(),
    retryAfterMs: parseRetryAfter(answer.retryAfter, clock.now().getTime()),
  });
  const endpointId = endpointIds.format(delivery.endpoint_id);
  return {
    account_id: delivery.account_id,
    endpoint_id: delivery.endpoint_id,
    event_seq: delivery.seq,
    fence: delivery.fence,
    startedAtMs,
    durationMs: answer.durationMs,
    statusCode: answer.statusCode,
    error: answer.error,
    responseExcerpt: answer.responseExcerpt,
    accepted: answer.accepted,
    retryDelayMs: gone || delivery.manual ? null : retryDelayMs,
    gone,
    ourFault: answer === OUR_FAULT,
    disabled: gone ? { reason: GONE_REASON, eventData: { endpoint_id: endpointId, reason: GONE_REASON } } : null,
  };
}
