import type { FailureType } from '@rushes/contract';
import type { StoredVideo } from '../ports.ts';
import { CoalescerStopped } from './coalescer.ts';
import type { Engine, RouteState } from './engine.ts';
import { poll } from './poll.ts';
import { decideRetry } from './retry-policy.ts';
import { submit } from './submit.ts';
import type { Ending } from './task-store.ts';
import { describeTask, type LeasedTask } from './task.ts';

export interface AttemptFailure {
  readonly type: FailureType;
  readonly detail: string;
  readonly retryAfterMs?: number;
}

/** Where a task goes from here. `dropped`: somebody else decides about it now. */
export type Step =
  | { readonly next: 'submit'; readonly task: LeasedTask }
  | { readonly next: 'poll'; readonly task: LeasedTask & { readonly upstreamId: string } }
  | { readonly next: 'wait'; readonly task: LeasedTask }
  | { readonly next: 'succeed'; readonly task: LeasedTask; readonly video: StoredVideo }
  | {
      readonly next: 'fail';
      readonly task: LeasedTask;
      readonly failure: AttemptFailure;
      /** A generation may exist upstream that nobody asks for any more. */
      readonly possibleDuplicate: boolean;
    }
  | { readonly next: 'time-out'; readonly task: LeasedTask }
  | { readonly next: 'dropped' }
  | { readonly next: 'done' };

/** The step that a task begins with, from the state in which it was found. */
function firstStep(task: LeasedTask): Step {
  switch (task.state) {
    case 'queued':
      return { next: 'submit', task };
    case 'running':
      if (task.upstreamId === null) throw new Error('a running task has an upstream id');
      return { next: 'poll', task: { ...task, upstreamId: task.upstreamId } };
    // Found `submitting` under our own lease: the call was lost on the way, with or without its answer.
    case 'submitting':
    case 'unknown':
      return { next: 'wait', task };
  }
}

/** Takes a task from whatever state it is in to its end, or until its lease is lost. Never rejects. */
export async function drive(engine: Engine, task: LeasedTask): Promise<void> {
  const lost = engine.inFlight.add(task);
  if (lost === null) return;
  try {
    const state = engine.routes.get(task.route);
    if (state === undefined) throw new Error(`no route ${task.route} is configured on this worker`);
    let step = firstStep(task);
    while (step.next !== 'done' && step.next !== 'dropped') step = await take(engine, state, step, lost);
  } catch (error) {
    if (!lost.aborted && !(error instanceof CoalescerStopped)) {
      // The lease stays: its next renewal finds the task missing here and loads it again.
      engine.logger.error({ ...describeTask(task), err: error }, 'a task was interrupted by an error of ours');
    }
  } finally {
    engine.inFlight.remove(task);
    engine.onSlotFree();
  }
}

async function take(engine: Engine, state: RouteState, step: Step, lost: AbortSignal): Promise<Step> {
  switch (step.next) {
    case 'submit':
      return submit(engine, state, step.task, lost);
    case 'poll':
      return poll(engine, state, step.task, lost);
    case 'wait':
      return waitForClarity(engine, state, step.task, lost);
    case 'succeed':
      return end(engine, step.task, { outcome: 'succeeded', video: step.video });
    case 'fail':
      return fail(engine, state, step);
    case 'time-out':
      return timeOut(engine, step.task, lost);
    case 'done':
    case 'dropped':
      throw new Error(`nothing follows ${step.next}`);
  }
}

/**
 * The call may have happened and there is no way to look it up: it waits a bounded time, is then sent again at the
 * operator's cost, and the attempt is kept as a possible duplicate.
 */
async function waitForClarity(engine: Engine, state: RouteState, task: LeasedTask, lost: AbortSignal): Promise<Step> {
  if (task.state === 'submitting') {
    const won = await engine.unknowns.add({ task, detail: 'the worker lost track of this submission' });
    if (!won) return { next: 'dropped' };
  }
  const leftMs = state.route.unknownWaitMs - (task.unknownForMs ?? 0);
  if (leftMs > 0) await engine.clock.sleep(leftMs, lost);
  return {
    next: 'fail',
    task,
    failure: { type: 'provider_error', detail: 'the upstream never said whether it took this submission' },
    possibleDuplicate: true,
  };
}

async function fail(engine: Engine, state: RouteState, step: Extract<Step, { next: 'fail' }>): Promise<Step> {
  const { task, failure } = step;
  const decision = decideRetry(failure.type, task, state.route.retry, engine.random.fraction(), failure.retryAfterMs);
  if (decision.retry) {
    const answer = await engine.requeues.add({
      task,
      type: failure.type,
      detail: failure.detail,
      counted: decision.counted,
      possibleDuplicate: step.possibleDuplicate,
      delayMs: decision.delayMs,
    });
    if (answer === 'requeued') return { next: 'done' };
    if (answer === 'lost') return { next: 'dropped' };
    // Its batch takes no more submissions, so this failure is the task's last.
  }
  return end(engine, task, { outcome: 'failed', type: failure.type, detail: failure.detail });
}

async function timeOut(engine: Engine, task: LeasedTask, lost: AbortSignal): Promise<Step> {
  const answer = await engine.endings.add({
    task,
    ending: { outcome: 'failed', type: 'timeout', detail: `no result within ${task.timeoutMs} ms` },
  });
  if (answer !== 'lost') return { next: 'done' };
  if (task.upstreamId === null) return { next: 'dropped' };
  // Either the lease is gone, which the next renewal shows, or the database's clock is a little behind ours.
  await engine.clock.sleep(1_000, lost);
  return { next: 'poll', task: { ...task, upstreamId: task.upstreamId } };
}

async function end(engine: Engine, task: LeasedTask, ending: Ending): Promise<Step> {
  const answer = await engine.endings.add({ task, ending });
  if (answer === 'settled') return { next: 'done' };
  engine.logger.warn({ ...describeTask(task), ending: ending.outcome, answer }, 'an outcome came too late to count');
  if (ending.outcome === 'succeeded' && answer === 'lost') await engine.storage.remove(ending.video.key);
  return { next: 'dropped' };
}
