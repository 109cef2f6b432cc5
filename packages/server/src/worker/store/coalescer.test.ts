import { describe, expect, it } from 'vitest';
import { ManualClock, settleMicrotasks } from '../../../testing/manual-clock.ts';
import { CoalescerStopped, createCoalescer, type AnswerTaker, type CoalescerOptions } from './coalescer.ts';

function setUp(
  flush: (items: readonly string[]) => Promise<readonly string[]>,
  more: Partial<CoalescerOptions<string, string>> = {},
) {
  const clock = new ManualClock();
  const calls: string[][] = [];
  const coalescer = createCoalescer<string, string>({
    clock,
    windowMs: 50,
    maxItems: 100,
    flush: (items) => {
      calls.push([...items]);
      return flush(items);
    },
    onError: () => ({ action: 'retry', pauseMs: 1_000 }),
    groupOf: (item) => item,
    ...more,
  });
  return { clock, calls, coalescer };
}

const echo = (items: readonly string[]): Promise<readonly string[]> => Promise.resolve(items.map((item) => `${item}!`));

describe('a coalescer', () => {
  it('puts what arrives within its window into one call and answers each item', async () => {
    const { clock, calls, coalescer } = setUp(echo);
    const answers = Promise.all([coalescer.add('a'), coalescer.add('b')]);
    await clock.advance(50);
    expect(await answers).toEqual(['a!', 'b!']);
    expect(calls).toEqual([['a', 'b']]);
  });

  it('never puts more than its maximum into one call', async () => {
    const { clock, calls, coalescer } = setUp(echo, { maxItems: 2 });
    const answers = Promise.all(['a', 'b', 'c'].map((item) => coalescer.add(item)));
    await clock.advance(50);
    await answers;
    expect(calls).toEqual([['a', 'b'], ['c']]);
  });

  it('tries a failed call again until it succeeds, with nothing lost', async () => {
    let failures = 3;
    const { clock, calls, coalescer } = setUp((items) =>
      failures-- > 0 ? Promise.reject(new Error('away')) : echo(items),
    );
    const answer = coalescer.add('a');
    await clock.advance(50 + 3_000);
    expect(await answer).toBe('a!');
    expect(calls).toHaveLength(4);
  });

  it('tells of a poisoned group once, and once when all of it has gone through; of a locked one not at all', async () => {
    const told: string[] = [];
    let failing = new Set(['poisoned', 'locked']);
    const { clock, coalescer } = setUp(
      (items) => {
        const found = items.find((item) => failing.has(item));
        return found === undefined ? echo(items) : Promise.reject(new Error(found));
      },
      {
        onError: (error) => ({
          action: (error as Error).message === 'locked' ? 'set-apart' : 'split',
          pauseMs: 1_000,
        }),
        onQuarantined: (group, error) => told.push(`${group} quarantined: ${(error as Error).message}`),
        onReleased: (group) => told.push(`${group} released`),
      },
    );
    const answers = Promise.all(['poisoned', 'good', 'locked'].map((item) => coalescer.add(item)));
    await clock.advance(50 + 10_000);
    expect(told).toEqual(['poisoned quarantined: poisoned']);
    const later = coalescer.add('poisoned');
    await clock.advance(10_000);
    expect(told).toHaveLength(1);
    failing = new Set();
    await clock.advance(2_000);
    expect(await answers).toEqual(['poisoned!', 'good!', 'locked!']);
    await later;
    expect(told).toEqual(['poisoned quarantined: poisoned', 'poisoned released']);
  });

  it('finds the poisoned group by halves and lets the others through', async () => {
    const { clock, coalescer } = setUp(
      (items) => (items.some((item) => item.startsWith('bad')) ? Promise.reject(new Error('poison')) : echo(items)),
      { onError: () => ({ action: 'split', pauseMs: 1_000 }) },
    );
    const settled: string[] = [];
    for (const item of ['a', 'b', 'bad', 'c', 'd'])
      void coalescer.add(item).then(
        (answer) => settled.push(answer),
        () => undefined,
      );
    await clock.advance(50);
    expect(settled.sort()).toEqual(['a!', 'b!', 'c!', 'd!']);
    const stopped = coalescer.stop(0);
    await clock.advance(0);
    await stopped;
  });

  it('goes on with what arrives later while a poisoned group is tried again', async () => {
    const { clock, coalescer } = setUp(
      (items) => (items.includes('bad') ? Promise.reject(new Error('poison')) : echo(items)),
      { onError: () => ({ action: 'split', pauseMs: 1_000 }) },
    );
    void coalescer.add('bad').catch(() => undefined);
    void coalescer.add('a');
    await clock.advance(50);
    const later = coalescer.add('later');
    await clock.advance(50);
    expect(await later).toBe('later!');
    const stopped = coalescer.stop(0);
    await clock.advance(0);
    await stopped;
  });

  it('keeps a group that cannot be handled now together, and never holds up another for it again', async () => {
    let locked = true;
    const { clock, calls, coalescer } = setUp(
      (items) =>
        locked && items.some((item) => item.startsWith('a')) ? Promise.reject(new Error('locked')) : echo(items),
      { onError: () => ({ action: 'set-apart', pauseMs: 1_000 }), groupOf: (item) => item.charAt(0) },
    );
    const answers = Promise.all(['a1', 'b1', 'a2'].map((item) => coalescer.add(item)));
    await clock.advance(50);
    calls.length = 0;
    const later = Promise.all(['a3', 'b2'].map((item) => coalescer.add(item)));
    await clock.advance(50);
    expect(calls).toEqual([['b2']]);
    locked = false;
    await clock.advance(2_000);
    expect(await answers).toEqual(['a1!', 'b1!', 'a2!']);
    expect(await later).toEqual(['a3!', 'b2!']);
    expect(calls.slice(1)).toEqual([['a1', 'a2'], ['a3']]);
  });

  it('finds the poisoned item of a group and lets the rest of the group through', async () => {
    const { clock, coalescer } = setUp(
      (items) => (items.includes('a3') ? Promise.reject(new Error('poison')) : echo(items)),
      { onError: () => ({ action: 'split', pauseMs: 1_000 }), groupOf: (item) => item.charAt(0) },
    );
    const handled: string[] = [];
    for (const item of ['a1', 'a2', 'a3', 'a4', 'b1'])
      void coalescer.add(item).then(
        (answer) => handled.push(answer),
        () => undefined,
      );
    await clock.advance(2_000);
    expect(handled.sort()).toEqual(['a1!', 'a2!', 'a4!', 'b1!']);
    void coalescer.add('a5').then((answer) => handled.push(answer));
    await clock.advance(2_000);
    expect(handled).toContain('a5!');
    const stopped = coalescer.stop(0);
    await clock.advance(0);
    await stopped;
  });

  it('finishes what is waiting when it is stopped, and takes nothing more', async () => {
    const { clock, coalescer } = setUp(echo);
    const answer = coalescer.add('a');
    const stopped = coalescer.stop(10_000);
    await clock.advance(50);
    await stopped;
    expect(await answer).toBe('a!');
    await expect(coalescer.add('b')).rejects.toThrow(CoalescerStopped);
  });

  it('rejects what it could not hand over before the deadline of a stop', async () => {
    const { clock, coalescer } = setUp(() => Promise.reject(new Error('away')));
    const answer = coalescer.add('a').catch((error: unknown) => error);
    await clock.advance(50);
    const stopped = coalescer.stop(100);
    await clock.advance(100);
    await stopped;
    expect(await answer).toBeInstanceOf(CoalescerStopped);
    await settleMicrotasks();
  });

  it('tells whoever handed it an item of the answer, or that it gave up, and of one of them only', async () => {
    let isAway = false;
    const { clock, coalescer } = setUp((items) => (isAway ? Promise.reject(new Error('away')) : echo(items)));
    const told: string[] = [];
    const taker: AnswerTaker<string, string> = {
      answered: (item, answer) => told.push(`${item}: ${answer}`),
      givenUp: (item, reason) => told.push(`${item}: ${reason.name}`),
    };
    for (const item of ['a', 'b']) coalescer.hand(item, taker);
    await clock.advance(50);
    expect(told).toEqual(['a: a!', 'b: b!']);
    isAway = true;
    coalescer.hand('c', taker);
    await clock.advance(50);
    const stopped = coalescer.stop(100);
    await clock.advance(100);
    await stopped;
    isAway = false;
    coalescer.hand('d', taker);
    await clock.advance(1_000);
    expect(told.slice(2)).toEqual(['c: CoalescerStopped', 'd: CoalescerStopped']);
  });
});
