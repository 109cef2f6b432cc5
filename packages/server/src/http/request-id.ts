import { ITEM_LIMITS } from '@rushes/contract';
import { accept, refuse, type Outcome } from '../outcome/index.ts';
import type { Exchange } from './exchange.ts';

const HEADER = 'Idempotency-Key';

/** The Idempotency-Key header, or null when there is none. */
export function idempotencyKey(exchange: Exchange): Outcome<string | null> {
  const values = exchange.distinctHeaders['idempotency-key'] ?? [];
  const [value] = values;
  if (value === undefined) return accept(null);
  if (values.length > 1) {
    return refuse({
      code: 'invalid_request',
      detail: `${HEADER} is given more than once. Give it once.`,
      param: HEADER,
    });
  }
  if (!ITEM_LIMITS.requestIdPattern.test(value)) {
    return refuse({
      code: 'invalid_request',
      detail: `${HEADER} must be 1 to 255 printable ASCII characters.`,
      param: HEADER,
    });
  }
  return accept(value);
}

/** The one request_id of a request that may carry it in the header, in the body, or the same one in both. */
export function agreeOnRequestId(fromHeader: string | null, fromBody: string | null): Outcome<string | null> {
  if (fromHeader !== null && fromBody !== null && fromHeader !== fromBody) {
    return refuse({
      code: 'invalid_request',
      detail: `request_id and ${HEADER} differ. Send one of them, or the same value in both.`,
      param: 'request_id',
    });
  }
  return accept(fromHeader ?? fromBody);
}
