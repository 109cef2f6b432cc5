import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock, settleMicrotasks } from '../../../testing/manual-clock.ts';
import { silentLogger } from '../../../testing/silent-logger.ts';
import type { PollResult, Upstream } from '../../upstreams/index.ts';
import { PollQueue } from './poll-queue.ts';

const RUNNING: PollResult = { kind: 'running', progress: null };

let clock: ManualClock;
/** Each request: when, and for which ids. */
let requests: { readonly atMs: number; readonly ids: readonly string[] }[];
let answer: (ids: readonly string[]) => Promise<readonly PollResult[]>;

beforeEach(() => {
  clock = new ManualClock();
  requests = [];
  answer = (ids) => Promise.resolve(ids.map(() => RUNNING));
});

function queue({ many = false, requestsPerSecond = Infinity } = {}): PollQueue {
  const call = (ids: readonly string[]): Promise<readonly PollResult[]> => {
    requests.push({ atMs: clock.monotonicMs(), ids });
    return answer(ids);
  };
  const upstream: Upstream = {
    name: 'x',
    resultLifetimeMs: 1,
    submit: () => Promise.reject(new Error('not used')),
    poll: async (id) => (await call([id]))[0] ?? RUNNING,
    ...(many ? { pollMany: (ids) => call(ids) } : {}),
  };
  return new PollQueue({ upstream, route: 'x', clock, logger: silentLogger, requestsPerSecond });
}

const lease = new AbortController().signal;
const ids = (count: number, prefix = 'id'): string[] => Array.from({ length: count }, (_, n) => `${prefix}-${n}`);

describe('questions about running generations', () => {
  it('are asked when they are due, each with its own answer', async () => {
    const polls = queue();
    const answered: string[] = [];
    answer = ([id = '']) => Promise.resolve([{ kind: 'succeeded', videoUrl: `http://x/${id}` }]);
    for (const [at, id] of ids(5).entries()) {
      void polls.ask(id, 1_000 * (5 - at), lease).then((result) => {
        answered.push(result.kind === 'succeeded' ? result.videoUrl : result.kind);
      });
    }
    await clock.advance(999);
    expect(requests).toEqual([]);
    await clock.advance(4_001);
    expect(requests.map(({ atMs }) => atMs)).toEqual([1_000, 2_000, 3_000, 4_000, 5_000]);
    expect(answered).toEqual([4, 3, 2, 1, 0].map((n) => `http://x/id-${n}`));
    expect(polls.waiting).toBe(0);
  });

  it('are asked many with one request where the upstream can', async () => {
    const polls = queue({ many: true });
    const results = Promise.all(ids(250).map((id) => polls.ask(id, 1_000, lease)));
    await clock.advance(2_000);
    expect(await results).toHaveLength(250);
    expect(requests.map((request) => request.ids.length)).toEqual([100, 100, 50]);
  });

  it('wait a moment for others that can go with them, and no longer', async () => {
    const polls = queue({ many: true });
    for (const [at, id] of ids(100).entries()) void polls.ask(id, 10 * at, lease);
    await clock.advance(1_200);
    expect(requests.length).toBeLessThanOrEqual(11);
    expect(requests.flatMap((request) => request.ids)).toHaveLength(100);
  });

  it('never go above the requests a second of their route', async () => {
    const polls = queue({ requestsPerSecond: 20 });
    for (const id of ids(1_000)) void polls.ask(id, 0, lease);
    await clock.advance(10_000);
    expect(polls.isBehind).toBe(true);
    expect(requests.length).toBeGreaterThan(190);
    expect(requests.length).toBeLessThanOrEqual(201);
    await clock.advance(39_500);
    expect(polls.isBehind).toBe(false);
  });

  it('that are urgent, or woken, go before those that are merely due', async () => {
    const polls = queue({ requestsPerSecond: 10 });
    for (const id of ids(100)) void polls.ask(id, 0, lease);
    void polls.ask('woken', 60_000, lease);
    await clock.advance(500);
    void polls.ask('last chance', 0, lease, true);
    polls.wake('woken');
    await clock.advance(250);
    expect(requests.map((request) => request.ids[0])).toEqual(expect.arrayContaining(['last chance', 'woken']));
    expect(requests.length).toBeLessThan(12);
  });

  it('of a lost lease end at once and are not asked, those of others are', async () => {
    const polls = queue();
    const mine = new AbortController();
    const lost = Promise.allSettled(ids(3, 'lost').map((id) => polls.ask(id, 1_000, mine.signal)));
    const kept = polls.ask('kept', 1_000, lease);
    mine.abort(new Error('the lease was lost'));
    expect((await lost).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    await clock.advance(1_000);
    expect(await kept).toEqual(RUNNING);
    expect(requests.map((request) => request.ids)).toEqual([['kept']]);
    await expect(polls.ask('late', 0, mine.signal)).rejects.toThrow('lost');
  });

  it('about one id from an old and a new holder of its task are both answered', async () => {
    const polls = queue();
    const both = Promise.all([polls.ask('a', 1_000, lease), polls.ask('a', 2_000, new AbortController().signal)]);
    await clock.advance(2_000);
    expect(await both).toEqual([RUNNING, RUNNING]);
  });

  it('rest when the upstream asks for it, but never long', async () => {
    const polls = queue();
    answer = () => Promise.resolve([{ kind: 'unavailable', detail: '429', retryAfterMs: 3_600_000 }]);
    void polls.ask('a', 0, lease);
    await settleMicrotasks();
    void polls.ask('b', 0, lease);
    await clock.advance(14_000);
    expect(requests).toHaveLength(1);
    await clock.advance(1_000);
    expect(requests).toHaveLength(2);
  });

  it('are answered when the adapter fails, or leaves some out', async () => {
    answer = () => Promise.reject(new Error('a defect'));
    const failing = queue().ask('a', 0, lease);
    await settleMicrotasks();
    expect(await failing).toMatchObject({ kind: 'unavailable' });
    answer = () => Promise.resolve([RUNNING]);
    const polls = queue({ many: true });
    const both = Promise.all([polls.ask('a', 10, lease), polls.ask('b', 10, lease)]);
    await clock.advance(200);
    expect(await both).toMatchObject([{ kind: 'running' }, { kind: 'unavailable' }]);
  });

  it('are sent no more than 64 at a time', async () => {
    answer = () => new Promise(() => undefined);
    const polls = queue();
    for (const id of ids(200)) void polls.ask(id, 0, lease);
    await clock.advance(1_000);
    expect(requests).toHaveLength(64);
  });

  it('that came or became due while 64 were under way are asked in time when one of those is answered', async () => {
    const answers: (() => void)[] = [];
    answer = ([id = '']) => new Promise((resolve) => answers.push(() => resolve([{ kind: 'gone', detail: id }])));
    const polls = queue();
    const askedAt = (id: string): number | undefined => requests.find((request) => request.ids[0] === id)?.atMs;
    for (const id of ids(64)) void polls.ask(id, 0, lease);
    void polls.ask('far', 10_000, lease);
    await clock.advance(100);
    void polls.ask('near', 400, lease);
    await clock.advance(100);
    answers[0]?.();
    await clock.advance(400);
    expect(askedAt('near')).toBe(500);
    void polls.ask('now', 0, lease);
    await clock.advance(100);
    expect(askedAt('now')).toBeUndefined();
    answers[1]?.();
    await clock.advance(1);
    expect(askedAt('now')).toBe(700);
  });

  it('of tasks that are out of time are asked once more, however long the upstream wants to rest', async () => {
    const polls = queue();
    answer = () => Promise.resolve([{ kind: 'unavailable', detail: '429', retryAfterMs: 3_600_000 }]);
    const over: string[] = [];
    const ask = (id: string, afterMs: number, lastAtMs: number): void =>
      void polls.ask(id, afterMs, lease, false, lastAtMs).then(() => over.push(id));
    ask('first', 0, Infinity);
    await clock.advance(1);
    // Due at its end, due before its end and overtaken by it, and one with time.
    ask('at-the-end', 3_000, 3_000);
    ask('overtaken', 1_000, 3_000);
    ask('patient', 1_000, Infinity);
    await clock.advance(4_500);
    expect(over).toEqual(['first', 'at-the-end', 'overtaken']);
    await clock.advance(16_000);
    expect(over).toContain('patient');
  });

  it('of tasks that are out of time go before all others, within the requests a second', async () => {
    const polls = queue({ requestsPerSecond: 10 });
    for (const id of ids(200)) void polls.ask(id, 0, lease);
    for (const id of ids(20, 'last')) void polls.ask(id, 1_000, lease, false, 1_000);
    await clock.advance(3_500);
    const asked = requests.flatMap((request) => request.ids);
    expect(asked.filter((id) => id.startsWith('last'))).toHaveLength(20);
    expect(asked.length).toBeLessThanOrEqual(45);
  });

  it('without an answer do not hold up all the others until the adapter gives up', async () => {
    answer = ([id = '']) => (id.startsWith('silent') ? new Promise(() => undefined) : Promise.resolve([RUNNING]));
    const polls = queue();
    for (const id of ids(200, 'silent')) void polls.ask(id, 0, lease);
    let answered = 0;
    for (const id of ids(100)) void polls.ask(id, 0, lease).then(() => (answered += 1));
    await clock.advance(10_000);
    expect(answered).toBe(100);
  });

  it('are sent no more than 512 at a time, whatever becomes of them', async () => {
    answer = () => new Promise(() => undefined);
    const polls = queue();
    for (const id of ids(1_000)) void polls.ask(id, 0, lease, false, 0);
    await clock.advance(60_000);
    expect(requests).toHaveLength(512);
  });
});
