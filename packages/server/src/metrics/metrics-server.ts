import { createServer } from 'node:http';
import type { Logger } from '../ports.ts';
import type { MetricRegistry } from './registry.ts';

export interface MetricsServer {
  close(): Promise<void>;
}

export interface MetricsServerOptions {
  readonly host: string;
  readonly port: number;
  readonly registry: MetricRegistry;
  readonly logger: Logger;
}

const REQUEST_TIMEOUT_MS = 10_000;

/**
 * `GET /metrics` on a port of its own and without a key: for the network of the operator alone, for workers, which have no
 * other port, and for the hour in which the database that knows the keys is away. Rejects when the port is taken.
 */
export async function startMetricsServer({
  host,
  port,
  registry,
  logger,
}: MetricsServerOptions): Promise<MetricsServer> {
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    const isReading = request.method === 'GET' || request.method === 'HEAD';
    if (!isReading || request.url?.split('?', 1)[0] !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('Metrics are at GET /metrics.\n');
      return;
    }
    registry.read().then(
      (text) => {
        response.writeHead(200, { 'content-type': registry.contentType, 'cache-control': 'no-store' }).end(text);
      },
      (error: unknown) => {
        logger.error({ err: error }, 'the metrics could not be read');
        response.writeHead(500).end();
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address();
  logger.info({ host, port: typeof address === 'object' ? address?.port : port }, 'the metrics port is open');
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
