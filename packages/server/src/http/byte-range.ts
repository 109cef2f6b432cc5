/** Single byte ranges as in RFC 9110, section 14. */

export type RangeAnswer =
  /** Send everything: no range was asked for, or one that may be ignored. */
  | { readonly kind: 'whole' }
  /** Both ends inclusive. */
  | { readonly kind: 'part'; readonly start: number; readonly end: number }
  | { readonly kind: 'unsatisfiable' };

const WHOLE: RangeAnswer = { kind: 'whole' };
const BYTES = /^bytes=(.*)$/i;
const SINGLE_RANGE = /^[ \t]*(\d{0,16})-(\d{0,16})[ \t]*$/;

/**
 * What to send of `size` bytes for a Range header. Malformed ranges and other units are ignored, as the RFC demands; so
 * are several ranges at once, which no video player asks for and which would be an easy way to make the server work.
 */
export function chooseRange(header: string | undefined, size: number): RangeAnswer {
  const set = header === undefined ? undefined : BYTES.exec(header)?.[1];
  if (set === undefined) return WHOLE;
  const match = SINGLE_RANGE.exec(set);
  const [, first = '', last = ''] = match ?? [];
  if (match === null || (first === '' && last === '')) return WHOLE;
  if (first === '') {
    const suffix = Number(last);
    if (suffix === 0 || size === 0) return { kind: 'unsatisfiable' };
    return { kind: 'part', start: Math.max(0, size - suffix), end: size - 1 };
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return WHOLE;
  if (start >= size) return { kind: 'unsatisfiable' };
  return { kind: 'part', start, end: last === '' ? size - 1 : Math.min(Number(last), size - 1) };
}

function opaqueTags(header: string): readonly string[] {
  return header.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
}

/** If-None-Match compares weakly (RFC 9110, 13.1.2): whether the client has these bytes already. */
export function isKnownTo(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.trim() === '*' || opaqueTags(ifNoneMatch).includes(etag);
}

/** If-Range compares strongly (RFC 9110, 13.1.5); a date never matches, since no Last-Modified is given. */
export function rangeStillApplies(ifRange: string | undefined, etag: string): boolean {
  return ifRange === undefined || ifRange.trim() === etag;
}
