import type { IncomingMessage } from 'node:http';
import { createApp } from './app.ts';
import type { HttpDeps } from './deps.ts';
import { CLOSE_GRACE_MS } from './limits.ts';
import { allRoutes } from './all-routes.ts';
import { closeServer, createNodeServer, listen } from './server.ts';

export interface HttpServerOptions {
  readonly host: string;
  /** 0 means any free port. */
  readonly port: number;
}

export interface HttpServer {
  /** Resolves with the address that it listens on, without a trailing slash. Rejects when the port is taken. */
  listen(): Promise<{ readonly url: string }>;
  /** Takes no more requests, lets those under way end, ends long polls at once. Idempotent. */
  close(): Promise<void>;
}

/** Every interface is no address that anybody could call; the own machine can call this one. */
const CALLABLE: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

function urlOf(listenHost: string, port: number): string {
  const host = CALLABLE[listenHost] ?? listenHost;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** The HTTP side of the server: every route over one Node server. */
export function createHttpServer(deps: HttpDeps, options: HttpServerOptions): HttpServer {
  const stopping = new AbortController();
  let ownUrl = urlOf(options.host, options.port);
  const routes = allRoutes(deps, { stopping: stopping.signal, publicUrl: () => deps.publicUrl ?? ownUrl });
  const awaitingContinue = new WeakSet<IncomingMessage>();
  const app = createApp(deps, routes, stopping.signal, awaitingContinue);
  const handle = app.callback();
  const server = createNodeServer((req, res) => void handle(req, res), awaitingContinue, deps.random);
  let closed: Promise<void> | null = null;
  return {
    async listen() {
      const address = await listen(server, options.host, options.port);
      ownUrl = urlOf(options.host, address.port);
      return { url: ownUrl };
    },
    close() {
      stopping.abort();
      closed ??= closeServer(server, deps.clock, CLOSE_GRACE_MS);
      return closed;
    },
  };
}
