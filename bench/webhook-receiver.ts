/**
 * A receiver in a process of its own for bench/webhooks.ts: /ok answers at once, /hang never. Prints its port, then a JSON
 * line for every line on standard input: how many requests of each kind came, and the percentiles of the delay of /ok,
 * from the event's `created_at` to the last byte of the request.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';

let counts = { ok: 0, hang: 0 };
let delaysMs: number[] = [];

const server = createServer((request, response) => {
  const kind = request.url === '/hang' ? 'hang' : 'ok';
  const chunks: Buffer[] = [];
  request.on('error', () => undefined);
  response.on('error', () => undefined);
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    counts[kind] += 1;
    if (kind === 'hang') return;
    const { created_at: createdAt } = JSON.parse(Buffer.concat(chunks).toString()) as { created_at: string };
    delaysMs.push(Date.now() - Date.parse(createdAt));
    response.end();
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));

function percentile(sorted: readonly number[], share: number): number | null {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null;
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const sorted = delaysMs.toSorted((a, b) => a - b);
  console.log(
    JSON.stringify({
      ...counts,
      p50: percentile(sorted, 0.5),
      p95: percentile(sorted, 0.95),
      max: sorted.at(-1) ?? null,
    }),
  );
  if (line === 'reset') {
    counts = { ok: 0, hang: 0 };
    delaysMs = [];
  }
});
