import type { FailureType } from '@rushes/contract';
import type { StoredVideo } from '../ports.ts';
import { CoalescerStopped } from './coalescer.ts';
import type { Engine, RouteState } from './engine.ts';
import { poll } from './poll.ts';
import { decideRetry } from './retry-policy.ts';
import { submit } from './submit.ts';
import type { Ending, SettleAnswer } from './task-store.ts';
import { describeTask, type LeasedTask } from './task.ts';
import { foundMeanwhile, waitForClarity } from './wait-for-clarity.ts';
import { outcomeOf } from './worker-metrics.ts';

export interface AttemptFailure {
  readonly type: FailureType;
  readonly detail: string;
  readonly retryAfterMs?: number;
}

/** Where a task goes from here. `dropped`: somebody else decides about it now. */
export type Step =
  /** The first of its batch to be sent: the batch begins with it. */
  | { readonly next: 'start'; readonly task: LeasedTask }
  | { readonly next: 'submit'; readonly task: LeasedTask }
  /** It cannot be sent now: it goes back to the queue, never sent. */
  | { readonly next: 'release'; readonly task: LeasedTask; readonly delayMs: number }
  | { readonly next: 'record'; readonly task: LeasedTask; readonly upstreamId: string }
  /** It was sent and no clear answer came. */
  | { readonly next: 'doubt'; readonly task: LeasedTask; readonly detail: string }
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
      return { next: task.isBatchQueued ? 'start' : 'submit', task };
    case 'running':
      if (task.upstreamId === null) throw new Error('a running task has an upstream id');
      return { next: 'poll', task: { ...task, upstreamId: task.upstreamId } };
    // Found `submitting` under our own lease: the call was lost on the way, with or without its answer.
    case 'submitting':
      return { next: 'doubt', task, detail: 'the worker lost track of this submission' };
    case 'unknown':
      // The answer came after all, to whoever had the task before.
      if (task.upstreamId !== null) return { next: 'poll', task: { ...task, upstreamId: task.upstreamId } };
      return { next: 'wait', task };
  }
}

/**
 * A task of a route that this worker does not serve, left behind by one that did and abandoned for so long that its
 * try has timed out. What was never sent waits in the queue for a worker of that route, or for its deadline.
 */
function firstStepWithoutRoute(task: LeasedTask): Step {
  return task.state === 'queued' ? { next: 'release', task, delayMs: 0 } : { next: 'time-out', task };
}

/** Takes a task from whatever state it is in to its end, or until its lease is lost. Never rejects. */
export async function drive(engine: Engine, task: LeasedTask): Promise<void> {
  const lost = engine.inFlight.add(task);
  if (lost === null) return;
  try {
    const state = engine.routes.get(task.route) ?? null;
    let step = state === null ? firstStepWithoutRoute(task) : firstStep(task);
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

async function take(engine: Engine, state: RouteState | null, step: Step, lost: AbortSignal): Promise<Step> {
  switch (step.next) {
    case 'release':
      return release(engine, step.task, step.delayMs);
    case 'time-out':
      return timeOut(engine, state, step.task, lost);
    case 'done':
    case 'dropped':
      throw new Error(`nothing follows ${step.next}`);
    default:
      if (state === null) throw new Error(`no route ${step.task.route} is configured on this worker`);
      return takeOnRoute(engine, state, step, lost);
  }
}

type StepOnRoute = Exclude<Step, { next: 'release' | 'time-out' | 'done' | 'dropped' }>;

async function takeOnRoute(engine: Engine, state: RouteState, step: StepOnRoute, lost: AbortSignal): Promise<Step> {
  switch (step.next) {
    case 'start':
      await engine.starts.add(step.task);
      return { next: 'submit', task: step.task };
    case 'submit':
      return submit(engine, state, step.task, lost);
    case 'record':
      return record(engine, state, step.task, step.upstreamId, lost);
    case 'doubt':
      return doubt(engine, step.task, step.detail);
    case 'poll':
      return poll(engine, state, step.task, lost);
    case 'wait':
      return waitForClarity(engine, state, step.task, lost);
    case 'succeed':
      return end(engine, step.task, { outcome: 'succeeded', video: step.video });
    case 'fail':
      return fail(engine, state, step);
  }
}

/**
 * Stores the upstream's id while the task is being polled already. A settlement carries the id too, so a task that ends
 * before its id was written needs no write of it.
 */
async function record(
  engine: Engine,
  state: RouteState,
  task: LeasedTask,
  upstreamId: string,
  lost: AbortSignal,
): Promise<Step> {
  const submission = { task, upstreamId, isMoot: false };
  const recorded = engine.submitted.add(submission);
  // Awaited below, unless an error or the end of the lease comes first: then it goes on by itself.
  recorded.catch(() => undefined);
  const step = await poll(engine, state, { ...task, state: 'running', upstreamId }, lost);
  if (step.next !== 'succeed') return (await recorded) ? step : { next: 'dropped' };
  submission.isMoot = true;
  const after = await end(engine, step.task, { outcome: 'succeeded', video: step.video });
  // Somebody else decides about the task: the generation must be found with it all the same.
  if (after.next === 'dropped') await engine.submitted.add({ task, upstreamId, isMoot: false });
  return after;
}

async function doubt(engine: Engine, task: LeasedTask, detail: string): Promise<Step> {
  const won = await engine.unknowns.add({ task, detail });
  return won ? { next: 'wait', task: { ...task, state: 'unknown', unknownForMs: 0 } } : { next: 'dropped' };
}

/** Whatever the answer is, the task is no longer ours: queued again, taken over, canceled or about to expire. */
async function release(engine: Engine, task: LeasedTask, delayMs: number): Promise<Step> {
  const answer = await engine.requeues.add({ task, failure: null, delayMs });
  return answer === 'requeued' ? { next: 'done' } : { next: 'dropped' };
}

async function fail(engine: Engine, state: RouteState, step: Extract<Step, { next: 'fail' }>): Promise<Step> {
  const { task, failure } = step;
  const decision = decideRetry(failure.type, task, state.route.retry, engine.random.fraction(), failure.retryAfterMs);
  if (decision.retry) {
    const answer = await engine.requeues.add({
      task,
      failure: {
        type: failure.type,
        detail: failure.detail,
        counted: decision.counted,
        possibleDuplicate: step.possibleDuplicate,
      },
      delayMs: decision.delayMs,
    });
    if (answer === 'requeued') {
      if (step.possibleDuplicate) engine.metrics.possibleDuplicates.add({ route: task.route });
      return { next: 'done' };
    }
    if (answer === 'lost') return step.possibleDuplicate ? foundMeanwhile(engine, task) : { next: 'dropped' };
    // Its batch takes no more submissions, so this failure is the task's last.
  }
  return end(engine, task, { outcome: 'failed', type: failure.type, detail: failure.detail });
}

async function timeOut(engine: Engine, state: RouteState | null, task: LeasedTask, lost: AbortSignal): Promise<Step> {
  const detail = `no result within ${task.timeoutMs} ms`;
  const answer = await settle(engine, task, { outcome: 'failed', type: 'timeout', detail });
  if (answer !== 'lost') return { next: 'done' };
  // Either the lease is gone, which the next renewal shows, or the database's clock is a little behind ours.
  await engine.clock.sleep(1_000, lost);
  if (state === null || task.upstreamId === null) return { next: 'time-out', task };
  return { next: 'poll', task: { ...task, upstreamId: task.upstreamId } };
}

async function end(engine: Engine, task: LeasedTask, ending: Ending): Promise<Step> {
  const answer = await settle(engine, task, ending);
  if (answer === 'settled') return { next: 'done' };
  engine.logger.warn({ ...describeTask(task), ending: ending.outcome, answer }, 'an outcome came too late to count');
  if (ending.outcome === 'succeeded' && answer === 'lost') await engine.storage.remove(ending.video.key);
  return { next: 'dropped' };
}

async function settle(engine: Engine, task: LeasedTask, ending: Ending): Promise<SettleAnswer> {
  const { clock, metrics } = engine;
  const knownAtMs = clock.monotonicMs();
  const answer = await engine.endings.add({ task, ending });
  if (answer !== 'settled') return answer;
  metrics.settled.add({ route: task.route, outcome: outcomeOf(ending) });
  if (ending.outcome === 'failed') metrics.refundDelay.observe({}, (clock.monotonicMs() - knownAtMs) / 1_000);
  return answer;
}
