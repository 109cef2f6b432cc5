/**
 * The events: one entry per type. `EVENT_TYPES`, the webhook schemas and types, OpenAPI, the CLI's samples and the
 * table in docs/webhooks.md are made from these entries. Adding an event is one entry here and the place that emits it.
 *
 * `data` gets the schema library as an argument, so that clients can import this file without that library.
 */
import type { z } from 'zod';
import type { PublicId } from '../ids.ts';
import type * as kit from '../parts/event-kit.ts';

type Kit = typeof kit;

/** Ids and times for an example. They belong to nothing that exists. */
export interface Sample {
  readonly batchId: PublicId<'bat'>;
  readonly taskId: PublicId<'tsk'>;
  readonly endpointId: PublicId<'whe'>;
  readonly requestId: string;
  /** The time so many minutes ago; a negative number gives a time in the future. */
  readonly at: (minutesAgo: number) => string;
}

interface EventFact<Schema extends z.ZodType> {
  /** Completes "Sent when …" without a full stop. */
  readonly when: string;
  readonly data: (kit: Kit) => Schema;
  readonly example: (sample: Sample) => z.output<Schema>;
}

function event<Schema extends z.ZodType>(fact: EventFact<Schema>): EventFact<Schema> {
  return fact;
}

const UNIT_PRICE = 49;
const TOTAL = 10;
/** It has the form of a signed checkpoint, but nobody signed it. */
const CHECKPOINT = `sample.example/ledger/acct_sample\n5\n${'A'.repeat(43)}=\n\n— sample.example/ledger AAAAAA==\n`;

interface Outcome {
  readonly status: 'processing' | 'completed' | 'partial' | 'failed' | 'canceled';
  readonly succeeded: number;
  readonly failed: number;
  readonly canceled: number;
  readonly processing?: number;
}

/** A batch of ten of which so many ended in each way. */
function batchExample({ batchId, requestId, at }: Sample, outcome: Outcome): z.output<Kit['batchEventData']> {
  const { status, succeeded, failed, canceled, processing = 0 } = outcome;
  const queued = TOTAL - succeeded - failed - canceled - processing;
  const isFinal = queued + processing === 0;
  const charged = succeeded * UNIT_PRICE;
  const refunded = (failed + canceled) * UNIT_PRICE;
  const reserved = TOTAL * UNIT_PRICE;
  return {
    id: batchId,
    batch_id: batchId,
    request_id: requestId,
    model: 'sora-2',
    status,
    counts: { total: TOTAL, queued, processing, succeeded, failed, canceled },
    credits: { unit_price: UNIT_PRICE, reserved, held: reserved - charged - refunded, charged, refunded, forfeited: 0 },
    metadata: { sample: 'true' },
    created_at: at(7),
    started_at: at(6),
    finished_at: isFinal ? at(0) : null,
    ...(isFinal ? { ledger_checkpoint: null } : {}),
  };
}

function batchEvent(when: string, outcome: Outcome) {
  return event({ when, data: (kit) => kit.batchEventData, example: (sample) => batchExample(sample, outcome) });
}

type FinalStatus = 'succeeded' | 'failed' | 'canceled';

function taskExample({ batchId, taskId }: Sample, status: FinalStatus): z.output<Kit['taskEventData']> {
  const succeeded = status === 'succeeded';
  const sha256 = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';
  return {
    batch_id: batchId,
    task_id: taskId,
    index: 3,
    custom_id: 'sample-3',
    model: 'sora-2',
    status,
    attempts: status === 'canceled' ? 0 : 1,
    failure:
      status === 'failed'
        ? { type: 'timeout', message: 'The video was not finished in time. Retry the prompt as a new batch.' }
        : null,
    credits: { charged: succeeded ? UNIT_PRICE : 0, refunded: succeeded ? 0 : UNIT_PRICE, forfeited: 0 },
    video: succeeded ? { bytes: 4_215_808, sha256, content_type: 'video/mp4' } : null,
  };
}

function taskEvent(when: string, status: FinalStatus) {
  return event({ when, data: (kit) => kit.taskEventData, example: (sample) => taskExample(sample, status) });
}

export const EVENTS = {
  'batch.processing': batchEvent('the first task of a batch begins', {
    status: 'processing',
    succeeded: 0,
    failed: 0,
    canceled: 0,
    processing: 4,
  }),
  'batch.completed': batchEvent('a batch ends and every task succeeded', {
    status: 'completed',
    succeeded: TOTAL,
    failed: 0,
    canceled: 0,
  }),
  'batch.partial': batchEvent('a batch ends and some tasks succeeded', {
    status: 'partial',
    succeeded: 8,
    failed: 2,
    canceled: 0,
  }),
  'batch.failed': batchEvent('a batch ends and no task succeeded', {
    status: 'failed',
    succeeded: 0,
    failed: TOTAL,
    canceled: 0,
  }),
  'batch.canceled': batchEvent('a batch that was canceled ends', {
    status: 'canceled',
    succeeded: 4,
    failed: 0,
    canceled: 6,
  }),
  'batch.paused': event({
    when: 'a batch pauses by itself; `reason` says why',
    data: (kit) => kit.batchEventData.extend({ reason: kit.z.string() }),
    example: (sample) => ({
      ...batchExample(sample, { status: 'processing', succeeded: 5, failed: 3, canceled: 0 }),
      reason: 'max_failure_rate',
    }),
  }),
  'task.succeeded': taskEvent('a task succeeds', 'succeeded'),
  'task.failed': taskEvent('a task fails for good', 'failed'),
  'task.canceled': taskEvent('a queued task is canceled', 'canceled'),
  'credits.low': event({
    when: "available credits fall below the account's threshold",
    data: ({ z, credits }) =>
      z.object({
        available: credits.meta({ description: 'Available credits after the change.' }),
        threshold: credits,
      }),
    example: () => ({ available: 9_412, threshold: 10_000 }),
  }),
  'ledger.epoch_opened': event({
    when: 'the server was restored from a backup, and the ledger continues in a new tree from that point',
    data: ({ z, checkpoint }) =>
      z.object({
        epoch: z.int().positive(),
        reason: z.string(),
        previous_checkpoint: checkpoint.nullable(),
        checkpoint,
      }),
    example: () => ({
      epoch: 2,
      reason: 'Sample: the server was restored to an earlier time.',
      previous_checkpoint: CHECKPOINT,
      checkpoint: CHECKPOINT,
    }),
  }),
  'webhook_endpoint.failing': event({
    when: 'a delivery to an endpoint was given up, and the endpoint has accepted no delivery since `failing_since`',
    data: ({ z, id, time }) =>
      z.object({
        endpoint_id: id('whe'),
        failing_since: time,
        given_up: z.int().nonnegative().meta({ description: 'Deliveries given up since then.' }),
        disabled_not_before: time.nullable().meta({
          description: 'The endpoint is not disabled before this time; null means that it is never disabled.',
        }),
      }),
    example: ({ endpointId, at }) => ({
      endpoint_id: endpointId,
      failing_since: at(60),
      given_up: 3,
      disabled_not_before: at(-60),
    }),
  }),
  'webhook_endpoint.disabled': event({
    when: 'an endpoint is disabled because it answered 410 or failed for too long',
    data: ({ z, id, time }) =>
      z.object({
        endpoint_id: id('whe'),
        reason: z.string(),
        failing_since: time
          .exactOptional()
          .meta({ description: 'Since when every attempt has failed; only when the endpoint failed for too long.' }),
        given_up: z.int().nonnegative().exactOptional().meta({ description: 'Deliveries given up since then.' }),
      }),
    example: ({ endpointId }) => ({ endpoint_id: endpointId, reason: 'The receiver answered 410 Gone.' }),
  }),
  'webhook.test': event({
    when: 'a test of an endpoint is requested',
    data: ({ z, id }) => z.object({ endpoint_id: id('whe') }),
    example: ({ endpointId }) => ({ endpoint_id: endpointId }),
  }),
} as const;

export type EventType = keyof typeof EVENTS;

export const EVENT_TYPES = Object.keys(EVENTS) as readonly EventType[];

export function isEventType(type: string): type is EventType {
  return Object.hasOwn(EVENTS, type);
}
