import { parseRetryAfter } from '@rushes/contract';

/** An upstream that asks for more is asked again after this time all the same. */
const MAX_RETRY_AFTER_MS = 3_600_000;

/** The pause that an upstream's Retry-After asks for, up to an hour; undefined when it asks for none. */
export function askedPauseMs(header: string | undefined, now: Date): number | undefined {
  const asked = parseRetryAfter(header, now.getTime());
  return asked === null ? undefined : Math.min(asked, MAX_RETRY_AFTER_MS);
}
