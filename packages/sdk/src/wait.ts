import { FINAL_BATCH_STATUSES } from '@rushes/contract/facts/states';
import { APIError, TimeoutError } from './errors.ts';
import type { RequestOptions } from './transport/request.ts';
import { isRetryable } from './transport/retry-policy.ts';
import { checkDurationMs } from './transport/settings.ts';
import type { Transport } from './transport/transport.ts';
import type { Batch } from './types.ts';

/** Settings of `batches.wait`. */
export interface WaitOptions {
  /** Called with the batch after every request, including the last one. An error that it throws ends the wait. */
  onProgress?: (batch: Batch) => void;
  /** Ends the wait with `AbortError`. The batch continues. */
  signal?: AbortSignal;
  /**
   * Longest wait in milliseconds; then the wait ends with `WaitTimeoutError` and the batch continues. The default is no
   * limit.
   */
  timeoutMs?: number;
  /** The longest time between two requests in milliseconds; it is shorter at the beginning. The default is 5,000. */
  pollIntervalMs?: number;
  /**
   * How long the server may be unreachable, in milliseconds, before the wait ends with the last error. The default is
   * 120,000. 0, or a client with `maxRetries: 0`, means that the first such error ends the wait.
   */
  maxOutageMs?: number;
}

/** The time limit of `batches.wait` was reached. The batch itself continues; `batch` is its last known state. */
export class WaitTimeoutError extends TimeoutError {
  static {
    this.prototype.name = 'WaitTimeoutError';
  }
  /** The last known state of the batch; null when no request was answered. */
  readonly batch: Batch | null;

  constructor(message: string, batch: Batch | null) {
    super(message);
    this.batch = batch;
  }
}

const FIRST_GAP_MS = 250;
const GAP_GROWTH = 1.5;
const DEFAULT_GAP_MAX_MS = 5_000;
const DEFAULT_OUTAGE_MAX_MS = 120_000;

const FINAL: ReadonlySet<string> = new Set(FINAL_BATCH_STATUSES);
const RUNNING: ReadonlySet<string> = new Set(['queued', 'processing']);

/** Whether the batch has ended. A status that this SDK does not know counts as ended when the batch has an end time. */
export function isFinal(batch: Batch): boolean {
  return FINAL.has(batch.status) || (!RUNNING.has(batch.status) && batch.finished_at !== null);
}

/**
 * Requests a batch again and again until it is final. Many short requests, so that a proxy or a lost connection does
 * not end the wait.
 */
export async function waitForBatch(
  transport: Transport,
  look: (options: RequestOptions) => PromiseLike<Batch>,
  batchId: string,
  options: WaitOptions,
): Promise<Batch> {
  const { ports, settings } = transport;
  const { signal, timeoutMs } = options;
  const gapMaxMs = checkDurationMs(options.pollIntervalMs ?? DEFAULT_GAP_MAX_MS, 'pollIntervalMs');
  const outageMaxMs = settings.maxRetries === 0 ? 0 : (options.maxOutageMs ?? DEFAULT_OUTAGE_MAX_MS);
  const endsAt = timeoutMs === undefined ? Infinity : ports.monotonicMs() + checkDurationMs(timeoutMs, 'timeoutMs');
  let gapMs = Math.min(FIRST_GAP_MS, gapMaxMs);
  let batch: Batch | null = null;
  let reported: Batch | null = null;
  let lastSeenAt = ports.monotonicMs();
  for (;;) {
    let asksToWaitMs = 0;
    try {
      const leftMs = Math.min(Math.max(1, endsAt - ports.monotonicMs()), settings.deadlineMs ?? Infinity);
      batch = await look({
        ...(signal === undefined ? {} : { signal }),
        ...(leftMs === Infinity ? {} : { deadlineMs: leftMs }),
      });
      lastSeenAt = ports.monotonicMs();
    } catch (error) {
      const now = ports.monotonicMs();
      if (!isRetryable(error) || (now < endsAt && now - lastSeenAt >= outageMaxMs)) throw error;
      if (error instanceof APIError) asksToWaitMs = error.retryAfterMs ?? 0;
      settings.logger?.warn(`Waiting for ${batchId}: the server cannot be reached at the moment; trying again.`);
    }
    if (batch !== null && batch !== reported) {
      reported = batch;
      options.onProgress?.(batch);
      if (isFinal(batch)) return batch;
    }
    const leftMs = endsAt - ports.monotonicMs();
    if (leftMs <= 0) throw new WaitTimeoutError(timeoutText(batchId, timeoutMs, batch), batch);
    const pauseMs = Math.max(asksToWaitMs, gapMs * (0.9 + ports.fraction() / 5));
    await ports.sleep(Math.min(pauseMs, leftMs), signal);
    gapMs = Math.min(gapMaxMs, gapMs * GAP_GROWTH);
  }
}

function timeoutText(batchId: string, timeoutMs: number | undefined, batch: Batch | null): string {
  const seen = batch === null ? 'never reached' : batch.paused ? 'paused' : batch.status;
  return `${batchId} is not final after ${timeoutMs} ms (${seen}); it continues.`;
}
