import type { IncomingMessage } from 'node:http';
import { accept, refuse, type Outcome } from '../outcome/index.ts';
import { ClientGone } from './exchange.ts';

/** Bytes of request bodies that one process holds; shared by all exchanges. */
export class BodyBudget {
  #left: number;

  constructor(maxBytes: number) {
    this.#left = maxBytes;
  }

  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#left += bytes;
  }
}

/** Content-Length as a number, or null when the body is chunked or absent. Node has refused malformed ones already. */
function announcedBytes(req: IncomingMessage): number | null {
  const header = req.headers['content-length'];
  return header === undefined ? null : Number(header);
}

export function hasBody(req: IncomingMessage): boolean {
  return req.headers['transfer-encoding'] !== undefined || (announcedBytes(req) ?? 0) > 0;
}

function tooLarge(maxBytes: number): Outcome<never> {
  const size = maxBytes >= 1024 * 1024 ? `${maxBytes / (1024 * 1024)} MiB` : `${maxBytes / 1024} KiB`;
  return refuse({
    code: 'payload_too_large',
    detail: `The request body is larger than ${size}. Send less, for example fewer items in one batch.`,
  });
}

const BUSY: Outcome<never> = refuse({
  code: 'unavailable',
  detail: 'The server is busy with other large requests. Send this request again in a moment.',
  retryAfterSeconds: 1,
});

export interface BodyProgress {
  /** The body is wanted: the moment for `100 Continue`. */
  begin(): void;
  /** So many more bytes are counted against the budget. */
  taken(bytes: number): void;
}

/**
 * Reads a body whole. A length announced above `maxBytes` is refused unread; a chunked body as soon as it grows past it.
 * What is left of a refused body stays in `req`, paused.
 */
export function readBody(
  req: IncomingMessage,
  maxBytes: number,
  budget: BodyBudget,
  progress: BodyProgress,
): Promise<Outcome<Uint8Array>> {
  const announced = announcedBytes(req);
  if (announced !== null && announced > maxBytes) return Promise.resolve(tooLarge(maxBytes));
  progress.begin();
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let received = 0;
    const settle = (finish: () => void): void => {
      req.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone);
      req.pause();
      finish();
    };
    const onData = (chunk: Buffer): void => {
      received += chunk.length;
      if (received > maxBytes) {
        settle(() => resolve(tooLarge(maxBytes)));
        return;
      }
      if (!budget.take(chunk.length)) {
        settle(() => resolve(BUSY));
        return;
      }
      progress.taken(chunk.length);
      chunks.push(chunk);
    };
    const onEnd = (): void => settle(() => resolve(accept(Buffer.concat(chunks, received))));
    const onGone = (): void => settle(() => reject(new ClientGone('the request body broke off')));
    req.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone);
    // Attached to a stream that is over already, none of the listeners would ever be called.
    if (req.destroyed) onGone();
  });
}
