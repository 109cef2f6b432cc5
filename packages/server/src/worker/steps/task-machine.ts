import type { FailureType } from '@rushes/contract';
import { CoalescerStopped } from '../store/coalescer.ts';
import type { Engine, RouteState } from '../engine.ts';
import { endOf, leave, type Ended } from '../store/settlement.ts';
import { fetchVideo } from './fetch-video.ts';
import { poll } from './poll.ts';
import { decideRetry } from '../route/retry-policy.ts';
import { submit } from './submit.ts';
import type { Ending } from '../store/task-store.ts';
import { describeTask, type LeasedTask } from '../task.ts';
import { foundMeanwhile, waitForClarity } from './resolve-unknown-outcome.ts';
import type { Submitted } from '../store/writers.ts';

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
  | { readonly next: 'fetch'; readonly task: LeasedTask & { readonly upstreamId: string }; readonly url: string }
  | { readonly next: 'end'; readonly task: LeasedTask; readonly ending: Ending }
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
  let ended: Ended | null = null;
  try {
    const state = engine.routes.get(task.route) ?? null;
    let recording: Recording | null = null;
    let step = state === null ? firstStepWithoutRoute(task) : firstStep(task);
    while (step.next !== 'done' && step.next !== 'dropped' && step.next !== 'end') {
      if (step.next === 'record') {
        recording = record(engine, step.task, step.upstreamId);
        step = { next: 'poll', task: recording.task };
      }
      step = await take(engine, state, step, lost);
      if (recording === null || step.next === 'fetch' || step.next === 'end') continue;
      // What did not succeed goes on only when the task was still ours with this submission.
      if (!(await recording.recorded)) step = { next: 'dropped' };
      recording = null;
    }
    if (step.next === 'end') ended = endOf(engine, task, step, recording?.submission ?? null);
  } catch (error) {
    if (!lost.aborted && !(error instanceof CoalescerStopped)) {
      // The lease stays: its next renewal finds the task missing here and loads it again.
      engine.logger.error({ ...describeTask(task), err: error }, 'a task was interrupted by an error of ours');
    }
  }
  if (ended === null) leave(engine, task);
  else engine.endings.hand(ended, engine.afterEnd);
}

/** Not async: what a task holds while it waits is most of what collecting garbage costs, and one function more is a third. */
function take(engine: Engine, state: RouteState | null, step: Step, lost: AbortSignal): Promise<Step> {
  switch (step.next) {
    case 'release':
      return release(engine, step.task, step.delayMs);
    case 'time-out':
      return timeOut(engine, state, step.task, lost);
    case 'record':
    case 'end':
    case 'done':
    case 'dropped':
      throw new Error(`${step.next} is no step by itself`);
    default:
      if (state === null) throw new Error(`no route ${step.task.route} is configured on this worker`);
      return takeOnRoute(engine, state, step, lost);
  }
}

type StepOnRoute = Exclude<Step, { next: 'release' | 'time-out' | 'record' | 'end' | 'done' | 'dropped' }>;

function takeOnRoute(engine: Engine, state: RouteState, step: StepOnRoute, lost: AbortSignal): Promise<Step> {
  switch (step.next) {
    case 'start':
      return start(engine, step.task);
    case 'submit':
      return submit(engine, state, step.task, lost);
    case 'doubt':
      return doubt(engine, step.task, step.detail);
    case 'poll':
      return poll(engine, state, step.task, lost);
    case 'wait':
      return waitForClarity(engine, state, step.task, lost);
    case 'fetch':
      return fetchVideo(engine, state, step.task, step.url, lost);
    case 'fail':
      return fail(engine, state, step);
  }
}

async function start(engine: Engine, task: LeasedTask): Promise<Step> {
  await engine.starts.add(task);
  return { next: 'submit', task };
}

interface Recording {
  readonly task: LeasedTask & { readonly upstreamId: string };
  readonly submission: Submitted;
  /** Whether the task was still ours when the id was written. */
  readonly recorded: Promise<boolean>;
}

/**
 * Begins to store the upstream's id, while the task is being polled already. A settlement carries the id too, so a task that
 * ends before its id was written needs no write of it.
 */
function record(engine: Engine, task: LeasedTask, upstreamId: string): Recording {
  const submission = { task, upstreamId, isMoot: false };
  const recorded = engine.submitted.add(submission);
  // Awaited when it matters, unless an error or the end of the lease comes first: then it goes on by itself.
  recorded.catch(ignore);
  return { task: { ...task, state: 'running', upstreamId }, submission, recorded };
}

function ignore(): void {}

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
  return { next: 'end', task, ending: { outcome: 'failed', type: failure.type, detail: failure.detail } };
}

async function timeOut(engine: Engine, state: RouteState | null, task: LeasedTask, lost: AbortSignal): Promise<Step> {
  const detail = `no result within ${task.timeoutMs} ms`;
  const ending: Ending = { outcome: 'failed', type: 'timeout', detail };
  const answer = await engine.endings.add(endOf(engine, task, { task, ending }, null));
  if (answer !== 'lost') return { next: 'done' };
  // Either the lease is gone, which the next renewal shows, or the database's clock is a little behind ours.
  await engine.clock.sleep(1_000, lost);
  if (state === null || task.upstreamId === null) return { next: 'time-out', task };
  return { next: 'poll', task: { ...task, upstreamId: task.upstreamId } };
}
