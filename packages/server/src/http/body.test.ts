import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Outcome } from '../outcome/index.ts';
import { BodyBudget, readBody } from './body.ts';

const MAX_BYTES = 100;
const budget = new BodyBudget(150);
let server: Server;
let url: string;
/** What each request came to, in the order in which they ended, and the bytes that it still holds. */
const ended: { outcome: Outcome<Uint8Array> | Error; held: number }[] = [];

beforeAll(async () => {
  server = createServer((req, res) => {
    let held = 0;
    const progress = { begin: () => undefined, taken: (bytes: number) => void (held += bytes) };
    readBody(req, MAX_BYTES, budget, progress).then(
      (outcome) => {
        ended.push({ outcome, held });
        res.end();
      },
      (error: unknown) => ended.push({ outcome: error as Error, held }),
    );
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

async function send(bytes: number): Promise<(typeof ended)[number]> {
  const before = ended.length;
  await fetch(url, { method: 'POST', body: new Uint8Array(bytes) });
  return ended[before]!;
}

describe('bodies in memory', () => {
  it('are bounded for the whole process: past the bound a client is asked to come back, until space is given back', async () => {
    const first = await send(100);
    expect(first).toMatchObject({ outcome: { ok: true }, held: 100 });
    const second = await send(100);
    expect(second.outcome).toMatchObject({ ok: false, refusal: { code: 'unavailable', retryAfterSeconds: 1 } });
    budget.giveBack(first.held + second.held);
    const third = await send(100);
    expect(third.outcome).toMatchObject({ ok: true });
    budget.giveBack(third.held);
  });

  it('that break off say what they hold, so that it can be given back', async () => {
    const gone = new AbortController();
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        controller.enqueue(new Uint8Array(60));
      },
    });
    const before = ended.length;
    const broken = fetch(url, { method: 'POST', body, duplex: 'half', signal: gone.signal }).catch(() => undefined);
    const hasRoom = (): boolean => {
      const taken = budget.take(100);
      if (taken) budget.giveBack(100);
      return taken;
    };
    await expect.poll(hasRoom).toBe(false);
    gone.abort();
    await broken;
    await expect.poll(() => ended.length).toBe(before + 1);
    expect(ended[before]).toMatchObject({ outcome: { name: 'ClientGone' }, held: 60 });
  });
});
