import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Socket, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock, Random } from '../ports.ts';
import type { Refusal } from '../outcome/index.ts';
import {
  HEADERS_MAX_BYTES,
  HEADERS_TIMEOUT_MS,
  KEEP_ALIVE_TIMEOUT_MS,
  REQUEST_TIMEOUT_MS,
  SOCKET_IDLE_TIMEOUT_MS,
} from './limits.ts';
import { newTraceId } from './middleware.ts';
import { problemHeaders, toProblem } from './problem.ts';

export type RequestListener = (req: IncomingMessage, res: ServerResponse) => void;

function refusalOf(code: string | undefined): Refusal {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return {
        code: 'headers_too_large',
        detail: `The request line and headers are larger than ${HEADERS_MAX_BYTES / 1024} KiB. Send fewer or shorter headers.`,
      };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { code: 'request_timeout', detail: 'The request did not arrive in time. Send it again.' };
    default:
      return { code: 'invalid_request', detail: 'This is not a well-formed HTTP/1.1 request.' };
  }
}

/** An answer written by hand, for connections on which no request could be read. */
function rawProblem(refusal: Refusal, traceId: string): string {
  const problem = toProblem(refusal, traceId);
  const body = JSON.stringify(problem);
  return [
    `HTTP/1.1 ${problem.status} ${problem.title}`,
    `x-trace-id: ${traceId}`,
    ...Object.entries(problemHeaders(refusal)).map(([name, value]) => `${name}: ${value}`),
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}

/**
 * Node's HTTP server with our time-outs, and a problem document where Node would answer for itself. Requests whose client
 * waits for `100 Continue` are put into `awaitingContinue`: whoever reads the body sends it.
 */
export function createNodeServer(
  listener: RequestListener,
  awaitingContinue: WeakSet<IncomingMessage>,
  random: Random,
): Server {
  const server = createServer({
    maxHeaderSize: HEADERS_MAX_BYTES,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    // Answered by our own middleware, with a trace id.
    requireHostHeader: false,
  });
  server.setTimeout(SOCKET_IDLE_TIMEOUT_MS);

  const answering = new WeakMap<Duplex, ServerResponse>();
  const handle = (req: IncomingMessage, res: ServerResponse): void => {
    answering.set(req.socket, res);
    res.once('close', () => answering.delete(req.socket));
    listener(req, res);
  };
  server.on('request', handle);
  server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => {
    awaitingContinue.add(req);
    handle(req, res);
  });
  // An expectation that we do not know may be ignored (RFC 9110, 10.1.1).
  server.on('checkExpectation', handle);

  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    const current = answering.get(socket);
    // The middle of another answer is no place for this one.
    if (error.code === 'ECONNRESET' || !socket.writable || current?.headersSent === true) {
      socket.destroy();
      return;
    }
    socket.end(rawProblem(refusalOf(error.code), newTraceId(random)), () => {
      if (socket instanceof Socket) socket.destroySoon();
    });
  });
  return server;
}

export async function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server listens on no TCP port');
  return address;
}

/** Stops taking connections and lets exchanges end, for `graceMs` at most; then cuts what is left. */
export async function closeServer(server: Server, clock: Clock, graceMs: number): Promise<void> {
  if (!server.listening) return;
  const ended = new AbortController();
  const closed = new Promise<void>((resolve) => {
    server.close(() => {
      ended.abort();
      resolve();
    });
  });
  const cut = clock.sleep(graceMs, ended.signal).then(
    () => server.closeAllConnections(),
    () => undefined,
  );
  await Promise.all([closed, cut]);
}
