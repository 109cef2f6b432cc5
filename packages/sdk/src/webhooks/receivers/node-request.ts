import type { IncomingMessage, ServerResponse } from 'node:http';
import { bodyNotRaw, isRawBody, type RawBody } from '../body.ts';
import { BodyTooLarge, type ReceiverAnswer, SenderGone } from './receive.ts';

/** Bytes of a request's stream, at most `maxBytes`. */
function readStream(request: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let length = 0;
    const settle = (act: () => void): void => {
      request.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone);
      act();
    };
    const onData = (chunk: Uint8Array): void => {
      length += chunk.length;
      if (length <= maxBytes) chunks.push(chunk);
      else
        settle(() => {
          request.pause();
          reject(new BodyTooLarge());
        });
    };
    const onEnd = (): void => settle(() => resolve(joined(chunks, length)));
    // Leaving the listeners off would let a broken connection end the process as an unhandled error.
    const onGone = (): void => settle(() => reject(new SenderGone()));
    request.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone);
  });
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const [only] = chunks;
  if (only !== undefined && chunks.length === 1) return only;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function bounded(body: RawBody, maxBytes: number): RawBody {
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body).length : body.byteLength;
  if (bytes > maxBytes) throw new BodyTooLarge();
  return body;
}

/**
 * The body of a node:http request. `kept` has the places where a framework or platform may have left the body. Text or
 * bytes are used from there; for a parsed body, the error has `advice`.
 */
export function readNodeBody(
  request: IncomingMessage,
  kept: { readonly rawBody: unknown; readonly body: unknown },
  maxBytes: number,
  advice: string,
): RawBody | Promise<RawBody> {
  for (const body of [kept.rawBody, kept.body]) if (isRawBody(body)) return bounded(body, maxBytes);
  if (request.readableDidRead || request.readableEnded) throw bodyNotRaw(kept.body, advice);
  if (request.destroyed) throw new SenderGone();
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw new BodyTooLarge();
  return readStream(request, maxBytes);
}

/** Writes an answer as node:http does. */
export function writeAnswer(response: ServerResponse, { status, text, headers }: ReceiverAnswer): void {
  const type = text === '' ? {} : { 'content-type': 'text/plain; charset=utf-8' };
  response.writeHead(status, { ...type, ...headers }).end(text);
}
