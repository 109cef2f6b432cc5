import type { ListedEvent } from '@rushes/sdk';
import type { CliContext } from '../context.ts';
import { type Attempt, forward, isSuccess } from './forward.ts';

/** A program on this machine that receives events. */
export interface LocalReceiver {
  readonly url: string;
  readonly secret: string;
  readonly timeoutMs: number;
  /** Attempts after the first one when the receiver answers with a failure. */
  readonly retries: number;
}

const DELAY_FIRST_MS = 1_000;
const DELAY_MAX_MS = 5_000;

/**
 * Sends an event until the receiver accepts it. When the receiver answers with a failure, the event is sent again, at
 * most `retries` times. When the receiver is not running, this waits for it, because it would miss all later events
 * too. Rejects only when `signal` aborts.
 */
export async function deliverLocally(
  event: ListedEvent,
  receiver: LocalReceiver,
  onRetry: (attempt: Attempt, delayMs: number) => Promise<void>,
  machine: Pick<CliContext, 'clock' | 'fetch'>,
  signal: AbortSignal,
): Promise<{ readonly attempt: Attempt; readonly attempts: number }> {
  let refusals = 0;
  for (let attempts = 1; ; attempts += 1) {
    const attempt = await forward(event, receiver, machine, signal);
    if (attempt.reached) refusals += 1;
    if (isSuccess(attempt) || refusals > receiver.retries) return { attempt, attempts };
    const delayMs = Math.min(DELAY_MAX_MS, DELAY_FIRST_MS * 2 ** Math.min(attempts - 1, 10));
    await onRetry(attempt, delayMs);
    await machine.clock.sleep(delayMs, signal);
  }
}
