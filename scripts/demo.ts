/**
 * `npm run demo`: the whole job once, on real prompts. Server, database and simulated upstream run in a scratch folder;
 * the videos stay in ./demo-videos. Exits with 0 only if the books add up.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Batch, LedgerEntry, Rushes as RushesClient, Task } from '@rushes/sdk';
import {
  buildWhatIsMissing,
  CLI_BIN,
  exitCode,
  operate,
  ROOT,
  startServer,
  type LocalAccount,
} from './local-server.ts';

const CSV = path.join(ROOT, 'examples/prompts/demo-60.csv');
const VIDEOS = path.join(ROOT, 'demo-videos');
const CREDITS = 10_000;
const EXIT_PARTIAL = 68;
const WEBHOOK_TIMEOUT_MS = 15_000;
const SETTINGS = {
  RUSHES_LOG_LEVEL: 'error',
  RUSHES_WEBHOOK_ALLOW_CIDRS: '127.0.0.0/8',
  RUSHES_SIMULATOR_LATENCY_MS: '400-2500',
  RUSHES_UNKNOWN_WAIT_MS: '2000',
};

interface Receiver {
  readonly url: string;
  /** Verified events by id. */
  readonly events: ReadonlyMap<string, string>;
  readonly refused: () => number;
  close(): void;
}

/** A webhook endpoint as a customer would write it: the raw body, verified before anything else. */
async function receiveWebhooks(unwrap: RushesClient['webhooks']['unwrap'], secret: () => string): Promise<Receiver> {
  const events = new Map<string, string>();
  let refused = 0;
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      unwrap(Buffer.concat(chunks), request.headers, secret()).then(
        (event) => {
          events.set(event.id, event.type);
          response.writeHead(204).end();
        },
        () => {
          refused += 1;
          response.writeHead(400).end();
        },
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/rushes`,
    events,
    refused: () => refused,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function say(text: string): void {
  console.log(text);
}

function heading(text: string): void {
  say(`\n${text}\n${'-'.repeat(text.length)}`);
}

/** Credits and tasks per kind and reason, from the ledger itself. */
function perReason(entries: readonly LedgerEntry[]): string[] {
  const sums = new Map<string, { tasks: number; credits: number }>();
  for (const entry of entries) {
    if (entry.task_id === null) continue;
    const name = entry.reason === null ? entry.kind : `${entry.kind} (${entry.reason})`;
    const sum = sums.get(name) ?? { tasks: 0, credits: 0 };
    sums.set(name, { tasks: sum.tasks + 1, credits: sum.credits + entry.amount });
  }
  return [...sums]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(
      ([name, { tasks, credits }]) =>
        `  ${name.padEnd(30)}${String(tasks).padStart(4)} videos ${String(credits).padStart(7)} credits`,
    );
}

async function waitForWebhooks(receiver: Receiver, expected: number): Promise<void> {
  const deadline = performance.now() + WEBHOOK_TIMEOUT_MS;
  while (receiver.events.size < expected && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

function demand(condition: boolean, what: string): void {
  if (!condition) throw new Error(`the demo expected ${what}`);
}

async function run(scratch: string): Promise<void> {
  const { Rushes } = await import('@rushes/sdk');
  say('Starting the server with its own PostgreSQL and a simulated video provider…');
  const server = await startServer(scratch, 0, SETTINGS);
  let receiver: Receiver | null = null;
  try {
    const flags = [
      '--name',
      'Demo Studio',
      '--plan',
      'growth',
      '--mode',
      'test',
      '--credits',
      String(CREDITS),
      '--json',
    ];
    const account = JSON.parse(await operate(['account', 'create', ...flags], scratch, SETTINGS)) as LocalAccount;
    say(`Server at ${server.url}; account ${account.account_id} with ${CREDITS} credits.`);

    const rushes = new Rushes({ apiKey: account.api_key, baseUrl: server.url });
    let secret = '';
    receiver = await receiveWebhooks(rushes.webhooks.unwrap, () => secret);
    const endpoint = await rushes.webhookEndpoints.create({ url: receiver.url, description: 'demo' });
    secret = endpoint.secret ?? '';
    const before = await rushes.credits.retrieve();

    heading('rushes submit examples/prompts/demo-60.csv --model sora-2 --wait --download demo-videos --yes');
    const cli = spawn(
      process.execPath,
      [CLI_BIN, 'submit', CSV, '--model', 'sora-2', '--wait', '--download', VIDEOS, '--yes'],
      {
        env: { ...process.env, RUSHES_API_KEY: account.api_key, RUSHES_BASE_URL: server.url },
        stdio: 'inherit',
      },
    );
    const code = await exitCode(cli);
    demand(code === EXIT_PARTIAL, `the CLI to exit with ${EXIT_PARTIAL} (partial), and it exited with ${String(code)}`);

    const [batch] = (await rushes.batches.list()).data as [Batch];
    const tasks: Task[] = await collect(rushes.batches.tasks(batch.id));
    const entries: LedgerEntry[] = await collect(rushes.ledger.list({ order: 'asc' }));
    const after = await rushes.credits.retrieve();
    // One for every task, one when the batch began, one when it ended.
    const expectedEvents = tasks.length + 2;
    await waitForWebhooks(receiver, expectedEvents);

    heading(`Batch ${batch.id}: ${batch.status}`);
    say(`  ${batch.counts.succeeded} succeeded, ${batch.counts.failed} failed, of ${batch.counts.total}`);
    for (const line of perReason(entries)) say(line);
    say(
      `  reserved ${batch.credits.reserved} = charged ${batch.credits.charged} + refunded ${batch.credits.refunded} + forfeited ${batch.credits.forfeited}`,
    );

    heading('Credits');
    say(`  before: ${before.available} available, ${before.spent} spent`);
    say(`  after:  ${after.available} available, ${after.reserved} reserved, ${after.spent} spent`);

    heading('Webhooks');
    const byType = Map.groupBy(receiver.events.values(), (type) => type);
    for (const [type, list] of [...byType].sort()) say(`  ${type.padEnd(18)}${list.length} received and verified`);

    heading('rushes-server ledger check');
    await operate(['ledger', 'check'], scratch, SETTINGS);
    const videos = readdirSync(VIDEOS).filter((name) => name.endsWith('.mp4'));
    say(`\n${videos.length} videos and manifest.csv are in ${VIDEOS}`);

    const { credits, counts } = batch;
    demand(batch.status === 'partial', `a partial batch, not ${batch.status}`);
    demand(
      credits.reserved === credits.charged + credits.refunded + credits.forfeited,
      'the hold to be divided up whole',
    );
    demand(
      after.available === before.available - credits.charged - credits.forfeited && after.reserved === 0,
      'the balance to follow from the batch',
    );
    demand(videos.length === counts.succeeded, `${counts.succeeded} videos on disk, not ${videos.length}`);
    demand(receiver.events.size === expectedEvents, `${expectedEvents} webhooks, not ${receiver.events.size}`);
    demand(receiver.refused() === 0, 'every webhook to verify');
  } finally {
    receiver?.close();
    await server.stop();
  }
}

// Ctrl-C reaches every process of the demo: each stops in its own way, and what we wait for ends.
process.once('SIGINT', () => {
  say('\nStopping…');
});

buildWhatIsMissing();
rmSync(VIDEOS, { recursive: true, force: true });
const startedMs = performance.now();
const scratch = mkdtempSync(path.join(tmpdir(), 'rushes-demo-'));
try {
  await run(scratch);
  say(
    `\nDone in ${((performance.now() - startedMs) / 1000).toFixed(1)} s; the server has stopped and its folder is removed.`,
  );
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
