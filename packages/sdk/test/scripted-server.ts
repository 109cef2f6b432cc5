import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Seen {
  readonly method: string;
  /** Path and query. */
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface ScriptedServer {
  readonly url: string;
  /** Every request in the order of its arrival, its body complete. */
  readonly seen: Seen[];
  /** Requests whose connection has been closed by the client before the answer was complete. */
  readonly hungUp: number[];
  close(): Promise<void>;
}

/** Answers request number `at` (from 0). */
export type Script = (request: Seen, response: ServerResponse, at: number) => void;

/** A real HTTP server on a free loopback port, gone when the test ends. */
export async function serve(script: Script): Promise<ScriptedServer> {
  const seen: Seen[] = [];
  const hungUp: number[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const at = seen.length;
      const entry = {
        method: request.method ?? '',
        url: new URL(request.url ?? '', 'http://server'),
        headers: request.headers,
        body: Buffer.concat(chunks),
      };
      seen.push(entry);
      response.on('close', () => {
        if (!response.writableFinished) hungUp.push(at);
      });
      script(entry, response, at);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  onTestFinished(close);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, hungUp, close };
}

export function answer(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', 'x-trace-id': 'trc_1', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

/** A refusal as the server writes it. */
export function refuse(
  response: ServerResponse,
  status: number,
  code: string,
  extra: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): void {
  const problem = {
    type: 'about:blank',
    title: code,
    status,
    detail: `told ${code}`,
    code,
    trace_id: 'trc_1',
    ...extra,
  };
  answer(response, status, problem, { 'content-type': 'application/problem+json', ...headers });
}

/** Ends the connection without an answer. */
export function reset(response: ServerResponse): void {
  response.socket?.resetAndDestroy();
}

/** Resolves once `condition` holds. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
