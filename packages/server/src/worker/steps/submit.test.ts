import { expect, it } from 'vitest';
import { ManualClock } from '../../../testing/manual-clock.ts';
import { silentLogger } from '../../../testing/silent-logger.ts';
import type { SubmitResult } from '../../upstreams/index.ts';
import { CircuitBreaker } from '../route/circuit-breaker.ts';
import { Slots } from '../route/slots.ts';
import { submit } from './submit.ts';
import { SubmittedIds } from '../route/submitted-ids.ts';
import type { LeasedTask } from '../task.ts';

const task = { accountUuid: 'a', batchUuid: 'b', index: 0, attempt: 0, timeoutMs: 1_000, model: 'm' } as LeasedTask;
const random = { fraction: () => 0, uuid: () => '', bytes: (length: number) => new Uint8Array(length) };

function setUp(intent: () => Promise<boolean>, send: () => Promise<SubmitResult>) {
  const clock = new ManualClock();
  const sent: string[] = [];
  const breaker = new CircuitBreaker(clock, random);
  const upstream = {
    name: 'r',
    submit: ({ token }: { token: string }) => {
      sent.push(token);
      return send();
    },
  };
  const settings = { name: 'r', upstreamModel: (model: string) => model };
  const route = { submissionSlots: new Slots(1), ids: new SubmittedIds(), breaker, settings, upstream };
  const intents = { add: intent };
  const deps = { clock, random, logger: silentLogger, intents, tokenFor: () => 'token' };
  return { clock, breaker, route, deps, sent };
}

const accept = (): Promise<SubmitResult> => Promise.resolve({ kind: 'accepted', upstreamId: 'id' });
const away = (): Promise<never> => Promise.reject(new Error('away'));
const held = new AbortController().signal;

it.each([
  ['was accepted', () => Promise.resolve(true), accept, 'record'],
  ['lost its task', () => Promise.resolve(false), accept, 'dropped'],
  ['could not record its intent', away, accept, 'Error'],
  ['failed in the adapter', () => Promise.resolve(true), away, 'mark-unknown'],
] as const)('a submission that %s gives its slot back', async (_, intent, send, next) => {
  const { route, deps } = setUp(intent, send);
  const came = await submit(deps, route, task, held).catch((error: unknown) => ({
    next: error instanceof Error ? error.name : '',
  }));
  expect(came.next).toBe(next);
  expect(route.submissionSlots.take()).toBeNull();
});

it('a task whose lease was lost while it waited for its turn is not sent, and gives its slot back', async () => {
  const { route, deps, sent } = setUp(() => Promise.resolve(true), accept);
  const lost = new AbortController();
  void route.submissionSlots.take();
  const waiting = submit(deps, route, task, lost.signal);
  lost.abort();
  route.submissionSlots.give();
  expect(await waiting).toEqual({ next: 'dropped' });
  expect(sent).toEqual([]);
  expect(route.submissionSlots.take()).toBeNull();
});

it('a trial of a closed route that never came to be sent makes room for another, and so does one that must wait', async () => {
  const { clock, breaker, route, deps, sent } = setUp(away, accept);
  breaker.failed(undefined);
  expect((await submit(deps, route, task, held)).next).toBe('release');
  await clock.advance(60_000);
  await expect(submit(deps, route, task, held)).rejects.toThrow('away');
  expect(breaker.capacity(10)).toBe(1);
  expect(route.submissionSlots.take()).toBeNull();
  expect(sent).toEqual([]);
});
