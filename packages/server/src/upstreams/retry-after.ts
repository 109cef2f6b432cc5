/** An upstream that asks for more is asked again after this time all the same. */
const MAX_RETRY_AFTER_MS = 3_600_000;

/** Reads a Retry-After header (RFC 9110 section 10.2.3): seconds or an HTTP date; undefined when absent or malformed. */
export function parseRetryAfter(value: string | undefined, now: Date): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, MAX_RETRY_AFTER_MS);
  // Date.parse also takes forms such as "5.5" or "-1" for years; an HTTP date starts with its weekday.
  if (!/^[A-Za-z]{3,9},? /.test(text)) return undefined;
  const at = Date.parse(text);
  if (Number.isNaN(at)) return undefined;
  return Math.min(Math.max(at - now.getTime(), 0), MAX_RETRY_AFTER_MS);
}
