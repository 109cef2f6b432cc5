import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** One answer of the simulator. */
export type Reply =
  | { readonly kind: 'json'; readonly status: number; readonly body: Readonly<Record<string, unknown>> }
  | { readonly kind: 'empty' }
  | { readonly kind: 'video'; readonly bytes: Buffer }
  | { readonly kind: 'list'; readonly entries: AsyncIterable<unknown> }
  /** The connection is cut without an answer. */
  | { readonly kind: 'cut' };

export function json(status: number, body: Readonly<Record<string, unknown>>): Reply {
  return { kind: 'json', status, body };
}

/** Grsai's envelope, which is HTTP 200 whatever the code. */
export function envelope(code: number, msg: string, data: Readonly<Record<string, unknown>> | null): Reply {
  return json(200, { code, msg, data });
}

export async function send(reply: Reply, request: IncomingMessage, response: ServerResponse): Promise<void> {
  switch (reply.kind) {
    case 'json':
      sendWhole(request, response, reply.status, 'application/json', Buffer.from(JSON.stringify(reply.body)));
      return;
    case 'empty':
      sendWhole(request, response, 200, 'text/plain', Buffer.alloc(0));
      return;
    case 'video':
      sendWhole(request, response, 200, 'video/mp4', reply.bytes);
      return;
    case 'list':
      response.writeHead(200, { 'content-type': 'application/json' });
      await pipeline(Readable.from(listJson(reply.entries)), response);
      return;
    case 'cut':
      request.socket.destroy();
  }
}

function sendWhole(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  contentType: string,
  body: Buffer,
): void {
  response.writeHead(status, { 'content-type': contentType, 'content-length': body.length });
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function* listJson(entries: AsyncIterable<unknown>): AsyncGenerator<string> {
  yield '{"data":[';
  let separator = '\n';
  for await (const entry of entries) {
    yield separator + JSON.stringify(entry);
    separator = ',\n';
  }
  yield '\n]}\n';
}
