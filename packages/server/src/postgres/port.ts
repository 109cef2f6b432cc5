/** Loopback ports for PostgreSQL. */
import { createServer } from 'node:net';

/** Binds 127.0.0.1:`port` for a moment; 0 means any. The port bound, or null when somebody has it. */
async function tryPort(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => {
      resolve(null);
    });
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : null;
      server.close(() => {
        resolve(bound);
      });
    });
  });
}

/**
 * A port that is free at this moment: the preferred one if possible, so that clients that are still there find their
 * way back. Null when the system has none to give.
 */
export async function freePort(preferred: number | null): Promise<number | null> {
  const again = preferred === null ? null : await tryPort(preferred);
  return again ?? (await tryPort(0));
}
