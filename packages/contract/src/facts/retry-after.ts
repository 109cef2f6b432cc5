/**
 * The wait that a Retry-After header asks for, in milliseconds (RFC 9110, section 10.2.3: seconds or an HTTP date). 0
 * for a date in the past; null when the header is missing or cannot be read. There is no upper limit: the caller sets
 * one.
 */
export function parseRetryAfter(value: string | null | undefined, nowMs: number): number | null {
  const text = value?.trim() ?? '';
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1_000, Number.MAX_SAFE_INTEGER);
  // Date.parse also takes forms such as "5.5" or "-1" for years; an HTTP date starts with the name of its day.
  if (!/^[A-Za-z]{3,9},? /.test(text)) return null;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
}
