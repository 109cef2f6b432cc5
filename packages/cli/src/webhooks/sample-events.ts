import { randomUUID } from 'node:crypto';
import type { EventBody } from './forward.ts';

const UNIT_PRICE = 49;
const TOTAL = 10;
const VIDEO = {
  bytes: 4_215_808,
  sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  content_type: 'video/mp4',
};
/** In the form of a signed checkpoint; its signature is of nobody. */
const CHECKPOINT = `sample.example/ledger/acct_sample\n5\n${'A'.repeat(43)}=\n\n— sample.example/ledger AAAAAA==\n`;
const MINUTE_MS = 60_000;

interface Ids {
  readonly batch: string;
  readonly task: string;
  readonly request: string;
}

/** How many of the ten videos ended how, by the event that tells it. */
interface Outcome {
  readonly status: string;
  readonly succeeded: number;
  readonly failed: number;
  readonly canceled: number;
  readonly processing?: number;
  readonly reason?: string;
}

const BATCH_OUTCOMES: Readonly<Record<string, Outcome>> = {
  'batch.processing': { status: 'processing', succeeded: 0, failed: 0, canceled: 0, processing: 4 },
  'batch.completed': { status: 'completed', succeeded: TOTAL, failed: 0, canceled: 0 },
  'batch.partial': { status: 'partial', succeeded: 8, failed: 2, canceled: 0 },
  'batch.failed': { status: 'failed', succeeded: 0, failed: TOTAL, canceled: 0 },
  'batch.canceled': { status: 'canceled', succeeded: 4, failed: 0, canceled: 6 },
  'batch.paused': { status: 'processing', succeeded: 5, failed: 3, canceled: 0, reason: 'max_failure_rate' },
};

function batchData(ids: Ids, outcome: Outcome, now: number): object {
  const { status, succeeded, failed, canceled, processing = 0, reason } = outcome;
  const queued = TOTAL - succeeded - failed - canceled - processing;
  const isFinal = queued + processing === 0;
  const charged = succeeded * UNIT_PRICE;
  const refunded = (failed + canceled) * UNIT_PRICE;
  const at = (minutesAgo: number): string => new Date(now - minutesAgo * MINUTE_MS).toISOString();
  return {
    id: ids.batch,
    batch_id: ids.batch,
    request_id: ids.request,
    model: 'sora-2',
    status,
    counts: { total: TOTAL, queued, processing, succeeded, failed, canceled },
    credits: {
      unit_price: UNIT_PRICE,
      reserved: TOTAL * UNIT_PRICE,
      held: TOTAL * UNIT_PRICE - charged - refunded,
      charged,
      refunded,
      forfeited: 0,
    },
    metadata: { sample: 'true' },
    created_at: at(7),
    started_at: at(6),
    finished_at: isFinal ? at(0) : null,
    ...(reason === undefined ? {} : { reason }),
  };
}

function taskData(ids: Ids, status: 'succeeded' | 'failed' | 'canceled'): object {
  const succeeded = status === 'succeeded';
  return {
    batch_id: ids.batch,
    task_id: ids.task,
    index: 3,
    custom_id: 'sample-3',
    model: 'sora-2',
    status,
    attempts: status === 'canceled' ? 0 : 1,
    failure: status === 'failed' ? { type: 'timeout', message: 'The video was not finished in time.' } : null,
    credits: { charged: succeeded ? UNIT_PRICE : 0, refunded: succeeded ? 0 : UNIT_PRICE, forfeited: 0 },
    video: succeeded ? VIDEO : null,
  };
}

const OTHERS: Readonly<Record<string, (ids: Ids, now: number) => object>> = {
  'task.succeeded': (ids) => taskData(ids, 'succeeded'),
  'task.failed': (ids) => taskData(ids, 'failed'),
  'task.canceled': (ids) => taskData(ids, 'canceled'),
  'credits.low': () => ({ available: 9_412, threshold: 10_000 }),
  'ledger.epoch_opened': () => ({
    epoch: 2,
    reason: 'Sample: the server was restored to an earlier time.',
    previous_checkpoint: CHECKPOINT,
    checkpoint: CHECKPOINT,
  }),
  'webhook_endpoint.failing': (_, now) => ({
    endpoint_id: 'whe_sample',
    failing_since: new Date(now - 60 * MINUTE_MS).toISOString(),
    given_up: 3,
    disabled_not_before: new Date(now + 60 * MINUTE_MS).toISOString(),
  }),
  'webhook_endpoint.disabled': () => ({ endpoint_id: 'whe_sample', reason: 'The receiver answered 410 Gone.' }),
  'webhook.test': () => ({ endpoint_id: 'whe_sample' }),
};

/** An event of this type as a server would send it, with ids that exist nowhere; null for a type that is not known. */
export function sampleEvent(type: string, nowMs: number): EventBody | null {
  const suffix = (): string => `sample${randomUUID().replaceAll('-', '').slice(0, 16)}`;
  const ids: Ids = { batch: `bat_${suffix()}`, task: `tsk_${suffix()}`, request: `sample-${randomUUID()}` };
  const outcome = BATCH_OUTCOMES[type];
  const data = outcome === undefined ? OTHERS[type]?.(ids, nowMs) : batchData(ids, outcome, nowMs);
  if (data === undefined) return null;
  return { id: `evt_${suffix()}`, type, created_at: new Date(nowMs).toISOString(), data };
}
