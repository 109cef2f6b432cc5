import { expect, it } from 'vitest';
import { ManualClock, settleMicrotasks } from '../../testing/manual-clock.ts';
import { silentLogger } from '../../testing/silent-logger.ts';
import { every, startLoop, type Loop, type LoopOptions } from './loop.ts';

/** A loop on a clock of its own, whose rounds count themselves. */
function open(options: Partial<LoopOptions> = {}): {
  readonly clock: ManualClock;
  readonly loop: Loop;
  rounds(): number;
} {
  const clock = new ManualClock();
  let rounds = 0;
  const { round = () => Promise.resolve(1_000) } = options;
  const loop = startLoop({
    clock,
    logger: silentLogger,
    doing: 'counting',
    failurePauseMs: 5_000,
    ...options,
    round(stopping) {
      rounds += 1;
      return round(stopping);
    },
  });
  return { clock, loop, rounds: () => rounds };
}

it('the first round begins at once, and each pause is as long as the round before it asked for', async () => {
  const { clock, loop, rounds } = open();
  expect(rounds()).toBe(1);
  await clock.advance(999);
  expect(rounds()).toBe(1);
  await clock.advance(1);
  expect(rounds()).toBe(2);
  await loop.stop();
});

it('a wake ends the pause, and one that comes during a round leaves no pause after it', async () => {
  const answers: ((pauseMs: number) => void)[] = [];
  const { loop, rounds } = open({ round: () => new Promise((resolve) => answers.push(resolve)) });
  answers[0]!(1_000);
  await settleMicrotasks();
  loop.wake();
  await settleMicrotasks();
  expect(rounds()).toBe(2);
  loop.wake();
  answers[1]!(1_000);
  await settleMicrotasks();
  expect(rounds()).toBe(3);
  answers[2]!(1_000);
  await settleMicrotasks();
  expect(rounds()).toBe(3);
  await loop.stop();
});

it('a round that fails is logged and tried again after its own pause, which no wake shortens', async () => {
  const logged: string[] = [];
  const logger = { ...silentLogger, error: (_: unknown, message: string) => logged.push(message) };
  const { clock, loop, rounds } = open({ logger, round: () => Promise.reject(new Error('away')) });
  await settleMicrotasks();
  loop.wake();
  await clock.advance(4_999);
  expect(rounds()).toBe(1);
  await clock.advance(1);
  expect(rounds()).toBe(2);
  expect(logged).toEqual(Array(2).fill('counting failed and is tried again'));
  await loop.stop();
});

it('wakes that come close together are gathered into one round', async () => {
  const { clock, loop, rounds } = open({ gatherMs: 10 });
  await settleMicrotasks();
  for (let wakes = 0; wakes < 5; wakes += 1) {
    loop.wake();
    await clock.advance(1);
  }
  expect(rounds()).toBe(1);
  await clock.advance(10);
  expect(rounds()).toBe(2);
  await clock.advance(100);
  expect(rounds()).toBe(2);
  await loop.stop();
});

it('a stop cuts the pause, waits for the round under way, and lets no other begin', async () => {
  const paused = open();
  await settleMicrotasks();
  await paused.loop.stop();
  expect(paused.rounds()).toBe(1);

  let answer = (_pauseMs: number): void => undefined;
  const busy = open({ round: () => new Promise((resolve) => (answer = resolve)) });
  let isStopped = false;
  const stopping = busy.loop.stop().then(() => (isStopped = true));
  await settleMicrotasks();
  expect(isStopped).toBe(false);
  answer(0);
  await stopping;
  expect(busy.rounds()).toBe(1);
});

it('a round is told by its signal that the loop is being stopped, and its failure is not logged then', async () => {
  const logged: string[] = [];
  const logger = { ...silentLogger, error: (_: unknown, message: string) => logged.push(message) };
  const { loop } = open({
    logger,
    round: (stopping) =>
      new Promise((_, reject) => stopping.addEventListener('abort', () => reject(new Error('stopped')))),
  });
  await loop.stop();
  expect(logged).toEqual([]);
});

it('what is done every so often is done again at the same pace although it fails', async () => {
  let works = 0;
  const { clock, loop } = open(
    every(300, () => {
      works += 1;
      return works === 1 ? Promise.reject(new Error('away')) : Promise.resolve();
    }),
  );
  await settleMicrotasks();
  await clock.advance(300);
  await clock.advance(300);
  expect(works).toBe(3);
  await loop.stop();
});
