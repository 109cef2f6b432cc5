import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the scripted server does with a request. */
export type Reply =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string | Uint8Array;
    }
  /** The connection is reset, before anything is answered. */
  | { readonly kind: 'reset' }
  /** Headers promise more than is sent before the connection closes. */
  | { readonly kind: 'cut_off'; readonly body: string }
  | { readonly kind: 'silence' }
  | { readonly kind: 'endless' };

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
}

export function answer(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  return {
    kind: 'answer',
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  };
}

export function rawAnswer(
  status: number,
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  return { kind: 'answer', status, headers, body };
}

/** A local server that answers every request with the reply set last, and remembers what it was asked. */
export class ScriptedServer {
  readonly received: ReceivedRequest[] = [];
  reply: Reply = { kind: 'reset' };
  readonly #server = createServer((request, response) => {
    void this.#serve(request, response);
  });

  async start(): Promise<string> {
    await new Promise<void>((resolve) => void this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => void this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    this.received.push({
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body: text === '' ? null : JSON.parse(text),
    });
    perform(this.reply, request, response);
  }
}

function perform(reply: Reply, request: IncomingMessage, response: ServerResponse): void {
  switch (reply.kind) {
    case 'answer':
      response.writeHead(reply.status, reply.headers).end(reply.body);
      return;
    case 'reset':
      request.socket.resetAndDestroy();
      return;
    case 'cut_off':
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': reply.body.length + 50 });
      response.write(reply.body, () => request.socket.destroy());
      return;
    case 'silence':
      return;
    case 'endless': {
      response.writeHead(200, { 'content-type': 'application/json' });
      const more = (): void => {
        if (!response.destroyed) response.write(' '.repeat(65_536), () => setImmediate(more));
      };
      more();
    }
  }
}
