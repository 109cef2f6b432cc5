import { describe, expect, it } from 'vitest';
import { settleMicrotasks } from '../../../testing/manual-clock.ts';
import { testUuid } from '../../../testing/test-uuid.ts';
import { TasksInFlight } from './tasks-in-flight.ts';
import type { LeasedTask } from '../task.ts';

function task(index: number, fence = 1): LeasedTask {
  return {
    accountUuid: testUuid<'acct'>('a'),
    batchUuid: testUuid<'bat'>('b'),
    index,
    fence,
    route: 'simulator',
    model: 'sora-2',
    prompt: '',
    params: {},
    state: 'queued',
    isBatchQueued: false,
    attempt: 0,
    failures: 0,
    upstreamId: null,
    timeoutMs: 1_000,
    timeoutAtMs: null,
    unknownForMs: null,
  };
}

const lease = (fence: number, open: number) => ({
  accountUuid: testUuid<'acct'>('a'),
  batchUuid: testUuid<'bat'>('b'),
  fence,
  open,
});

describe('what a worker believes it holds', () => {
  it('is worked on once, however often it is taken up', () => {
    const inFlight = new TasksInFlight();
    expect(inFlight.add(task(0))).not.toBeNull();
    expect(inFlight.add(task(0))).toBeNull();
    expect(inFlight.count).toBe(1);
  });

  it('is dropped, and its work told so, when the database no longer lists the lease', () => {
    const inFlight = new TasksInFlight();
    const lost = inFlight.add(task(0));
    inFlight.add(task(5, 2));
    inFlight.compare([lease(2, 1)], inFlight.ask());
    expect(lost?.aborted).toBe(true);
    expect(inFlight.count).toBe(1);
  });

  it('is reloaded when the database counts a task more than once running that is unknown here', () => {
    const inFlight = new TasksInFlight();
    inFlight.add(task(0));
    expect(inFlight.compare([lease(1, 2)], inFlight.ask())).toEqual([]);
    expect(inFlight.compare([lease(1, 2)], inFlight.ask())).toEqual([lease(1, 2)]);
  });

  it('is reloaded when a whole claim was lost on the way here', () => {
    const inFlight = new TasksInFlight();
    expect(inFlight.compare([lease(7, 3)], inFlight.ask())).toEqual([]);
    expect(inFlight.compare([lease(7, 3)], inFlight.ask())).toEqual([lease(7, 3)]);
  });

  it('is left alone after a difference that was gone at the next look', () => {
    const inFlight = new TasksInFlight();
    inFlight.add(task(0));
    expect(inFlight.compare([lease(1, 2)], inFlight.ask())).toEqual([]);
    expect(inFlight.compare([lease(1, 1)], inFlight.ask())).toEqual([]);
    expect(inFlight.compare([lease(1, 2)], inFlight.ask())).toEqual([]);
  });

  it('forgets a lease with its last task', () => {
    const inFlight = new TasksInFlight();
    const taken = task(0);
    inFlight.add(taken);
    inFlight.remove(taken);
    inFlight.remove(taken);
    expect(inFlight.count).toBe(0);
  });

  it('is not dropped by an answer to a question that was asked before the claim', () => {
    const inFlight = new TasksInFlight();
    const question = inFlight.ask();
    const lost = inFlight.add(task(0));
    inFlight.compare([], question);
    expect(lost?.aborted).toBe(false);
    inFlight.compare([], inFlight.ask());
    expect(lost?.aborted).toBe(true);
  });

  it('is not taken away by the end of work whose lease was dropped before', () => {
    const inFlight = new TasksInFlight();
    const dropped = task(0);
    inFlight.add(dropped);
    inFlight.compare([], inFlight.ask());
    inFlight.add(task(0));
    inFlight.remove(dropped);
    expect(inFlight.count).toBe(1);
    expect(inFlight.add(task(0))).toBeNull();
  });

  it('is worked on until the last of it has ended, lost leases included', async () => {
    const inFlight = new TasksInFlight();
    await inFlight.idle();
    const [kept, dropped] = [task(0), task(5, 2)];
    inFlight.add(kept);
    inFlight.add(dropped);
    inFlight.compare([lease(1, 1)], inFlight.ask());
    let isIdle = false;
    const idle = inFlight.idle().then(() => {
      isIdle = true;
    });
    inFlight.remove(kept);
    await settleMicrotasks();
    expect(isIdle).toBe(false);
    inFlight.remove(dropped);
    await idle;
  });
});
