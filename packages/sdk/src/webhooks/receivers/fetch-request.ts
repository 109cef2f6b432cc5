import { BodyTooLarge, type ReceiverAnswer, SenderGone } from './receive.ts';

/** Bytes of a web stream, at most `maxBytes`. Bytes after them are not read. */
export async function readWebStream(body: ReadableStream<Uint8Array> | null, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  if (body !== null) {
    const reader = body.getReader();
    for (;;) {
      const { done, value } = await reader.read().catch(() => {
        throw new SenderGone();
      });
      if (done) break;
      length += value.length;
      if (length > maxBytes) {
        reader.cancel().catch(() => undefined);
        throw new BodyTooLarge();
      }
      chunks.push(value);
    }
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** The answer as a `Response`. */
export function toResponse({ status, text, headers }: ReceiverAnswer): Response {
  const type = text === '' ? {} : { 'content-type': 'text/plain; charset=utf-8' };
  // These belong to the connection, which is not a handler's in this world.
  const { connection: _, ...own } = headers;
  return new Response(text === '' ? null : text, { status, headers: { ...type, ...own } });
}
