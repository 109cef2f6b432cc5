/**
 * Verifications of webhooks per second, against `standardwebhooks` and `stripe` (npm), for the same payload, in one run:
 * the whole call that a receiver makes, from raw body and headers to the parsed event. Rounds are interleaved and in turn
 * begin with another one, so that a busy moment of the machine falls on all; counted is processor time and not the clock's,
 * so that programs beside it count less; the ratios are medians of the rounds' ratios.
 * Also the size of the webhooks entry as it is shipped.
 *
 *   cd bench && npm install && npm run build -w @rushes/sdk --prefix .. && node webhook-verify.ts [ROUNDS] [MS_PER_ROUND]
 */
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { Webhook } from 'standardwebhooks';
import Stripe from 'stripe';

const [rounds = 15, msPerRound = 200] = process.argv.slice(2).map(Number);
const DIST = path.resolve(import.meta.dirname, '../packages/sdk/dist');
type Sdk = typeof import('../packages/sdk/src/webhooks/index.ts');

/** The same module once more, as a runtime without node:crypto loads it: what it found is kept per module. */
async function load(query: string): Promise<Sdk> {
  return (await import(path.join(DIST, `webhooks.${query}`))) as Sdk;
}

const KEY = Buffer.alloc(32, 7);
const SECRET = `whsec_${KEY.toString('base64')}`;
const now = Math.floor(Date.now() / 1_000);

/** Events of two sizes that occur: a task's, and a batch's with much metadata. */
function payload(metadataBytes: number): string {
  return JSON.stringify({
    id: 'evt_4vJ9JU1bJJE96FWSJKvHsm11111111x',
    type: 'batch.completed',
    created_at: '2026-11-20T12:00:00.000Z',
    data: {
      batch_id: 'bat_4vJ9JU1bJJE96FWSJKvHsm',
      model: 'sora-2',
      status: 'completed',
      counts: { total: 10, queued: 0, processing: 0, succeeded: 10, failed: 0, canceled: 0 },
      credits: { unit_price: 49, reserved: 490, held: 0, charged: 490, refunded: 0, forfeited: 0 },
      metadata: { note: 'x'.repeat(metadataBytes) },
    },
  });
}

interface Contender {
  readonly name: string;
  readonly verify: () => unknown;
  /** The same with a byte changed: what is measured must refuse it. */
  readonly tampered: () => unknown;
}

function contenders(body: string, sdk: Sdk, webSdk: Sdk): Contender[] {
  const id = 'evt_4vJ9JU1bJJE96FWSJKvHsm11111111x';
  const mac = createHmac('sha256', KEY).update(`${id}.${now}.${body}`).digest('base64');
  // As node:http hands them out, among the headers that come with them.
  const headers = {
    host: 'example.com',
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    'user-agent': 'Rushes/1.0',
    accept: '*/*',
    connection: 'keep-alive',
    'webhook-id': id,
    'webhook-timestamp': String(now),
    'webhook-signature': `v1,${mac}`,
  };
  const stripe = new Stripe('sk_test_x');
  const stripeSecret = 'whsec_bench';
  const stripeHeader = `t=${now},v1=${createHmac('sha256', stripeSecret).update(`${now}.${body}`).digest('hex')}`;
  const changed = body.replace('sora-2', 'sora-3');
  const bytes = Buffer.from(body);
  const standard = new Webhook(SECRET);
  return [
    {
      name: '@rushes/sdk, text',
      verify: () => sdk.unwrap(body, headers, SECRET),
      tampered: () => sdk.unwrap(changed, headers, SECRET),
    },
    {
      name: '@rushes/sdk, bytes',
      verify: () => sdk.unwrap(bytes, headers, SECRET),
      tampered: () => sdk.unwrap(Buffer.from(changed), headers, SECRET),
    },
    {
      name: '@rushes/sdk, Web Crypto',
      verify: () => webSdk.unwrap(body, headers, SECRET),
      tampered: () => webSdk.unwrap(changed, headers, SECRET),
    },
    {
      name: 'standardwebhooks, one object',
      verify: () => standard.verify(body, headers),
      tampered: () => standard.verify(changed, headers),
    },
    {
      name: 'standardwebhooks, object per request',
      verify: () => new Webhook(SECRET).verify(body, headers),
      tampered: () => standard.verify(changed, headers),
    },
    {
      name: 'stripe constructEvent',
      verify: () => stripe.webhooks.constructEvent(body, stripeHeader, stripeSecret),
      tampered: () => stripe.webhooks.constructEvent(changed, stripeHeader, stripeSecret),
    },
    {
      name: 'stripe constructEventAsync',
      verify: () => stripe.webhooks.constructEventAsync(body, stripeHeader, stripeSecret),
      tampered: () => stripe.webhooks.constructEventAsync(changed, stripeHeader, stripeSecret),
    },
  ];
}

/** Calls one after the other, each awaited as a receiver does; per second of processor time of the whole process. */
async function rate({ verify }: Contender): Promise<number> {
  const startedAt = performance.now();
  const before = process.cpuUsage();
  let calls = 0;
  while (performance.now() - startedAt < msPerRound) {
    for (let at = 0; at < 50; at += 1) await verify();
    calls += 50;
  }
  const { user, system } = process.cpuUsage(before);
  return (calls * 1_000_000) / (user + system);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

async function demandHonest({ name, verify, tampered }: Contender): Promise<void> {
  const event = (await verify()) as { type: string };
  const refused = await Promise.resolve()
    .then(tampered)
    .then(
      () => false,
      () => true,
    );
  if (event.type !== 'batch.completed' || !refused) throw new Error(`${name} does not verify`);
}

function shippedSize(): { files: number; bytes: number; gzipped: number } {
  const seen = new Map<string, string>();
  const follow = (file: string): void => {
    if (seen.has(file)) return;
    const text = readFileSync(file, 'utf8');
    seen.set(file, text);
    for (const [, next = ''] of text.matchAll(/from "(\.[^"]+)"/g)) follow(path.join(path.dirname(file), next));
  };
  follow(path.join(DIST, 'webhooks.js'));
  const all = [...seen.values()].join('');
  return { files: seen.size, bytes: Buffer.byteLength(all), gzipped: gzipSync(all, { level: 9 }).length };
}

const sdk = await load('js');
const { getBuiltinModule } = process;
// The CommonJS build is a module of its own, with keys of its own.
const webSdk = await load('cjs');
Object.assign(process, { getBuiltinModule: undefined });
await webSdk.unwrap(...(await webSdkWarmUp(webSdk)));
Object.assign(process, { getBuiltinModule });

/** Makes it meet the secret while there is no node:crypto: the key that it makes then is kept. */
async function webSdkWarmUp({ signForTest }: Sdk): Promise<[string, Record<string, string>, string]> {
  const { body, headers } = await signForTest({ id: 'evt_1', type: 'webhook.test' }, SECRET);
  return [body, headers, SECRET];
}

console.log(
  `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? '?'}, ${rounds} rounds of ${msPerRound} ms`,
);
for (const metadataBytes of [0, 4_000, 16_000]) {
  const body = payload(metadataBytes);
  const all = contenders(body, sdk, webSdk);
  for (const each of all) await demandHonest(each);
  for (const each of all) await rate(each);
  const rates = all.map((): number[] => []);
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < all.length; turn += 1) {
      const at = (round + turn) % all.length;
      rates[at]?.push(await rate(all[at] as Contender));
    }
  }
  const first = rates[0] ?? [];
  console.log(`\nbody of ${Buffer.byteLength(body)} bytes`);
  for (const [at, { name }] of all.entries()) {
    const own = rates[at] ?? [];
    const ratio = median(own.map((value, round) => (first[round] ?? Number.NaN) / value));
    console.log(
      `${name.padEnd(38)} ${Math.round(median(own)).toLocaleString('en').padStart(9)}/s   ours is ${ratio.toFixed(2)} times`,
    );
  }
}
const { files, bytes, gzipped } = shippedSize();
console.log(`\n@rushes/sdk/webhooks as shipped: ${files} files, ${bytes} bytes, ${gzipped} gzipped`);
