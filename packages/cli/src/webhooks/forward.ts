import { signForTest } from '@rushes/sdk/webhooks';
import { usageError } from '../cli-error.ts';
import type { CliContext } from '../context.ts';

/** The body of a webhook. */
export interface EventBody {
  readonly id: string;
  readonly type: string;
  readonly created_at: string;
  readonly data: unknown;
}

/** How one attempt ended: with an answer, or without one. */
export interface Attempt {
  readonly status: number | null;
  readonly error: string | null;
  readonly duration_ms: number;
  /** False when nobody took the request: no receiver is running there. */
  readonly reached: boolean;
}

/** How much of an answer is read. Its content is not used. */
const ANSWER_MAX_BYTES = 65_536;

/** The checked URL of the receiver. Throws `CliError` for text that is not an http or https URL. */
export function receiverUrl(text: string): string {
  // A short form that is usual for a program on this machine.
  const spelled = /^\d{1,5}(\/|$)/.test(text)
    ? `http://127.0.0.1:${text}`
    : /^(localhost|127\.0\.0\.1)(:|\/|$)/.test(text)
      ? `http://${text}`
      : text;
  const url = URL.canParse(spelled) ? new URL(spelled) : null;
  if (url !== null && (url.protocol === 'http:' || url.protocol === 'https:')) {
    if (url.username === '' && url.password === '') return url.href;
  }
  throw usageError(
    `The receiver is not an http or https URL: ${JSON.stringify(text)}.`,
    'A URL looks like http://localhost:8080/hooks/rushes, or 8080/hooks/rushes for short.',
  );
}

function whyNot(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (cause instanceof AggregateError && cause.errors.length > 0) return whyNot(cause.errors[0]);
  if (!(cause instanceof Error)) return String(cause);
  if (cause.name === 'TimeoutError') return 'no answer in time';
  return cause.message === '' ? cause.name : cause.message;
}

async function discard(response: Response): Promise<void> {
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += (chunk as Uint8Array).length;
    if (bytes > ANSWER_MAX_BYTES) break;
  }
}

/** Signs an event as the server does and sends it once. Redirects are not followed. Rejects only when `signal` aborts. */
export async function forward(
  event: EventBody,
  target: { readonly url: string; readonly secret: string; readonly timeoutMs: number },
  { clock, fetch }: Pick<CliContext, 'clock' | 'fetch'>,
  signal: AbortSignal,
): Promise<Attempt> {
  const { id, type, created_at, data } = event;
  const { body, headers } = await signForTest({ id, type, created_at, data }, target.secret, {
    timestamp: new Date(clock.nowMs()),
  });
  const startedAt = clock.monotonicMs();
  const took = (): number => Math.round(clock.monotonicMs() - startedAt);
  try {
    const response = await fetch(target.url, {
      method: 'POST',
      body,
      headers: { ...headers, 'user-agent': 'rushes-cli' },
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(target.timeoutMs)]),
    });
    await discard(response);
    return { status: response.status, error: null, duration_ms: took(), reached: true };
  } catch (error) {
    signal.throwIfAborted();
    const timedOut = error instanceof Error && error.name === 'TimeoutError';
    return { status: null, error: whyNot(error), duration_ms: took(), reached: timedOut };
  }
}

/** Whether the receiver accepted the event. */
export function isSuccess({ status }: Attempt): boolean {
  return status !== null && status >= 200 && status < 300;
}

/** `204 in 12 ms`, or why there was no answer. */
export function attemptWords({ status, error, duration_ms }: Attempt): string {
  return status === null ? (error ?? 'no answer') : `${status} in ${duration_ms} ms`;
}
