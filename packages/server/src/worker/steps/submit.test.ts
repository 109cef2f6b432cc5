import { expect, it } from 'vitest';
import { ManualClock } from '../../../testing/manual-clock.ts';
import { silentLogger } from '../../../testing/silent-logger.ts';
import type { SubmitResult } from '../../upstreams/index.ts';
import { CircuitBreaker } from '../route/circuit-breaker.ts';
import { CoalescerStopped } from '../store/coalescer.ts';
import { afterEnd, type Ended } from '../store/settlement.ts';
import type { Engine, RouteState } from '../engine.ts';
import { Slots } from '../route/slots.ts';
import { submit } from './submit.ts';
import { SubmittedIds } from '../route/submitted-ids.ts';
import type { LeasedTask } from '../task.ts';

const task = { accountId: 'a', batchId: 'b', index: 0, attempt: 0, timeoutMs: 1_000, model: 'm' } as LeasedTask;
const random = { fraction: () => 0, uuid: () => '', bytes: (length: number) => new Uint8Array(length) };

function setUp(intent: () => Promise<boolean>, send: () => Promise<SubmitResult>) {
  const clock = new ManualClock();
  const sent: string[] = [];
  const breaker = new CircuitBreaker(clock, random);
  const upstream = {
    submit: ({ token }: { token: string }) => {
      sent.push(token);
      return send();
    },
  };
  const route = { name: 'r', upstream, upstreamModel: (model: string) => model };
  const state = { submissions: new Slots(1), ids: new SubmittedIds(), breaker, route } as unknown as RouteState;
  const intents = { add: intent };
  const engine = { clock, random, logger: silentLogger, intents, tokenFor: () => 'token' } as unknown as Engine;
  return { clock, breaker, state, engine, sent };
}

const accept = (): Promise<SubmitResult> => Promise.resolve({ kind: 'accepted', upstreamId: 'id' });
const away = (): Promise<never> => Promise.reject(new Error('away'));
const held = new AbortController().signal;

it.each([
  ['was accepted', () => Promise.resolve(true), accept, 'record'],
  ['lost its task', () => Promise.resolve(false), accept, 'dropped'],
  ['could not record its intent', away, accept, 'Error'],
  ['failed in the adapter', () => Promise.resolve(true), away, 'doubt'],
] as const)('a submission that %s gives its slot back', async (_, intent, send, next) => {
  const { state, engine } = setUp(intent, send);
  const came = await submit(engine, state, task, held).catch((error: unknown) => ({
    next: error instanceof Error ? error.name : '',
  }));
  expect(came.next).toBe(next);
  expect(state.submissions.take()).toBeNull();
});

it('a task whose lease was lost while it waited for its turn is not sent, and gives its slot back', async () => {
  const { state, engine, sent } = setUp(() => Promise.resolve(true), accept);
  const lost = new AbortController();
  void state.submissions.take();
  const waiting = submit(engine, state, task, lost.signal);
  lost.abort();
  state.submissions.give();
  expect(await waiting).toEqual({ next: 'dropped' });
  expect(sent).toEqual([]);
  expect(state.submissions.take()).toBeNull();
});

it('a trial of a closed route that never came to be sent makes room for another, and so does one that must wait', async () => {
  const { clock, breaker, state, engine, sent } = setUp(away, accept);
  breaker.failed(undefined);
  expect((await submit(engine, state, task, held)).next).toBe('release');
  await clock.advance(60_000);
  await expect(submit(engine, state, task, held)).rejects.toThrow('away');
  expect(breaker.capacity(10)).toBe(1);
  expect(state.submissions.take()).toBeNull();
  expect(sent).toEqual([]);
});

it.each(['late', 'lost'] as const)(
  'a success that is answered "%s" leaves its id and frees its slot',
  async (answer) => {
    const recorded: unknown[] = [];
    const removed: string[] = [];
    const engine = {
      logger: silentLogger,
      submitted: { add: (item: unknown) => Promise.resolve(recorded.push(item)) },
      storage: { remove: (key: string) => Promise.resolve(removed.push(key)) },
    };
    const left = new Promise<void>((resolve) => {
      Object.assign(engine, { inFlight: { remove: () => undefined }, onSlotFree: resolve });
    });
    const video = { key: 'a/b/0-1.mp4', bytes: 1, sha256: new Uint8Array(32), contentType: 'video/mp4' };
    const submission = { task, upstreamId: 'id', isMoot: true };
    const ended: Ended = { task, ending: { outcome: 'succeeded', video }, knownAtMs: 0, driven: task, submission };
    afterEnd(() => engine as unknown as Engine).answered(ended, answer);
    await left;
    expect(recorded).toEqual([{ task, upstreamId: 'id', isMoot: false }]);
    expect(removed).toEqual(answer === 'lost' ? [video.key] : []);
  },
);

it('a success that came too late leaves its id and frees its slot, although the storage does not let its video go', async () => {
  const recorded: unknown[] = [];
  const engine = {
    logger: silentLogger,
    submitted: { add: (item: unknown) => Promise.resolve(recorded.push(item)) },
    storage: { remove: () => Promise.reject(new Error('read-only')) },
  };
  const left = new Promise<void>((resolve) => {
    Object.assign(engine, { inFlight: { remove: () => undefined }, onSlotFree: resolve });
  });
  const video = { key: 'a/b/0-1.mp4', bytes: 1, sha256: new Uint8Array(32), contentType: 'video/mp4' };
  const submission = { task, upstreamId: 'id', isMoot: true };
  const ended: Ended = { task, ending: { outcome: 'succeeded', video }, knownAtMs: 0, driven: task, submission };
  afterEnd(() => engine as unknown as Engine).answered(ended, 'lost');
  await left;
  expect(recorded).toEqual([{ task, upstreamId: 'id', isMoot: false }]);
});

it.each([new CoalescerStopped('stopped'), new Error('left out')])(
  'an outcome that is given up (%o) frees its slot, once',
  (reason) => {
    const left: unknown[] = [];
    let freed = 0;
    const engine = {
      logger: silentLogger,
      inFlight: { remove: (driven: LeasedTask) => left.push(driven) },
      onSlotFree: () => (freed += 1),
    } as unknown as Engine;
    const ending = { outcome: 'failed', type: 'provider_error', detail: 'x' } as const;
    afterEnd(() => engine).givenUp({ task: { ...task }, ending, knownAtMs: 0, driven: task, submission: null }, reason);
    expect(left).toEqual([task]);
    expect(left[0]).toBe(task);
    expect(freed).toBe(1);
  },
);
