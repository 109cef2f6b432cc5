import { refuse, type Outcome } from '../outcome/index.ts';
import type { Exchange } from './exchange.ts';

/** `text/csv` of `Text/CSV; charset=utf-8`. */
function essence(contentType: string): string {
  return (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
}

/** Null when the body's type and coding can be read; otherwise the 415. A request without a body has neither. */
export function refuseMediaType(exchange: Exchange, accepted: readonly string[]): Outcome<never> | null {
  if (!exchange.hasBody) return null;
  const coding = exchange.headers['content-encoding'];
  if (coding !== undefined && coding.trim().toLowerCase() !== 'identity') {
    return refuse({
      code: 'unsupported_media_type',
      detail: `Content-Encoding ${coding.slice(0, 64)} is not supported. Send the body without a content coding.`,
      param: 'Content-Encoding',
    });
  }
  const type = essence(exchange.headers['content-type'] ?? '');
  if (accepted.includes(type)) return null;
  return refuse({
    code: 'unsupported_media_type',
    detail: `${type === '' ? 'A body without Content-Type' : `Content-Type ${type.slice(0, 64)}`} is not supported here. Send ${accepted.join(' or ')}.`,
    param: 'Content-Type',
  });
}
