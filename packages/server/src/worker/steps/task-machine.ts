import type { Logger } from '../../ports.ts';
import type { RouteState } from '../route/route.ts';
import { CoalescerStopped, type AnswerTaker, type Coalescer } from '../store/coalescer.ts';
import { settlementOf, type Settlement } from '../store/settlement.ts';
import type { Unknown } from '../store/attempt-store.ts';
import type { SettleAnswer } from '../store/settlement-store.ts';
import type { TasksInFlight } from '../store/tasks-in-flight.ts';
import { describeTask, type LeasedTask } from '../task.ts';
import { fetchVideo, type FetchDeps } from './fetch-video.ts';
import { poll, type PollDeps } from './poll.ts';
import { recordSubmission, type RecordDeps, type Recording } from './record-submission.ts';
import { fail, release, type RequeueDeps } from './requeue.ts';
import { resolveUnknownOutcome, type ResolveDeps } from './resolve-unknown-outcome.ts';
import { pollStep, type Step } from './step.ts';
import { submit, type SubmitDeps } from './submit.ts';
import { timeOut, type TimeOutDeps } from './time-out.ts';

interface OwnDeps {
  readonly logger: Pick<Logger, 'error'>;
  readonly routes: ReadonlyMap<string, RouteState>;
  readonly inFlight: Pick<TasksInFlight, 'add'>;
  readonly starts: Pick<Coalescer<LeasedTask, boolean>, 'add'>;
  readonly unknowns: Pick<Coalescer<Unknown, boolean>, 'add'>;
  readonly settlements: Pick<Coalescer<Settlement, SettleAnswer>, 'hand'>;
  /** What becomes of an outcome that was handed to `settlements`. */
  readonly afterSettlement: AnswerTaker<Settlement, SettleAnswer>;
  /** Nothing of a task is done here any more. */
  readonly leave: (task: LeasedTask) => void;
}

/** What the machine needs itself, and what each of its steps needs. */
type TaskMachineDeps = OwnDeps &
  SubmitDeps &
  RecordDeps &
  PollDeps &
  FetchDeps &
  ResolveDeps &
  RequeueDeps &
  TimeOutDeps;

/** Takes a task from whatever state it is in to its end, or until its lease is lost. Never rejects. */
type RunTask = (task: LeasedTask) => Promise<void>;

/** The machine through whose steps every task of this worker goes. */
export function createTaskMachine(deps: TaskMachineDeps): RunTask {
  return (task) => run(deps, task);
}

async function run(deps: TaskMachineDeps, task: LeasedTask): Promise<void> {
  const lost = deps.inFlight.add(task);
  if (lost === null) return;
  let settlement: Settlement | null = null;
  try {
    const route = deps.routes.get(task.route) ?? null;
    let recording: Recording | null = null;
    let step = route === null ? firstStepWithoutRoute(task) : firstStep(task);
    while (step.next !== 'done' && step.next !== 'dropped' && step.next !== 'settle') {
      if (step.next === 'record') {
        recording = recordSubmission(deps, step.task, step.upstreamId);
        step = { next: 'poll', task: recording.task };
      }
      step = await take(deps, route, step, lost);
      if (recording === null || step.next === 'fetch' || step.next === 'settle') continue;
      // What did not succeed goes on only when the task was still ours with this submission.
      if (!(await recording.recorded)) step = { next: 'dropped' };
      recording = null;
    }
    if (step.next === 'settle') settlement = settlementOf(deps.clock, task, step, recording?.submission ?? null);
  } catch (error) {
    if (!lost.aborted && !(error instanceof CoalescerStopped)) {
      // The lease stays: its next renewal finds the task missing here and loads it again.
      deps.logger.error(
        { ...describeTask(task), err: error },
        'a task was interrupted by an error in this program; it is loaded again',
      );
    }
  }
  if (settlement === null) deps.leave(task);
  else deps.settlements.hand(settlement, deps.afterSettlement);
}

/** The step that a task begins with, from the state in which it was found. */
function firstStep(task: LeasedTask): Step {
  switch (task.state) {
    case 'queued':
      return { next: task.isBatchQueued ? 'start' : 'submit', task };
    case 'running':
      if (task.upstreamId === null) throw new Error('a running task has an upstream id');
      return pollStep(task, task.upstreamId);
    // Found `submitting` under our own lease: the call was lost on the way, with or without its answer.
    case 'submitting':
      return { next: 'mark-unknown', task, detail: 'the worker lost track of this submission' };
    case 'unknown':
      // The answer came after all, to whoever had the task before.
      if (task.upstreamId !== null) return pollStep(task, task.upstreamId);
      return { next: 'resolve', task };
  }
}

/**
 * A task of a route that this worker does not serve, left behind by one that did and abandoned for so long that its
 * try has timed out. What was never sent waits in the queue for a worker of that route, or for its deadline.
 */
function firstStepWithoutRoute(task: LeasedTask): Step {
  return task.state === 'queued' ? { next: 'release', task, delayMs: 0 } : { next: 'time-out', task };
}

/** Not async: what a task holds while it waits is most of what collecting garbage costs, and one function more is a third. */
function take(deps: TaskMachineDeps, route: RouteState | null, step: Step, lost: AbortSignal): Promise<Step> {
  switch (step.next) {
    case 'release':
      return release(deps, step.task, step.delayMs);
    case 'time-out':
      return timeOut(deps, step.task, route !== null, lost);
    case 'record':
    case 'settle':
    case 'done':
    case 'dropped':
      throw new Error(`${step.next} is not a step by itself`);
    default:
      if (route === null) throw new Error(`no route ${step.task.route} is configured on this worker`);
      return takeOnRoute(deps, route, step, lost);
  }
}

type StepOnRoute = Exclude<Step, { next: 'release' | 'time-out' | 'record' | 'settle' | 'done' | 'dropped' }>;

function takeOnRoute(deps: TaskMachineDeps, route: RouteState, step: StepOnRoute, lost: AbortSignal): Promise<Step> {
  switch (step.next) {
    case 'start':
      return start(deps, step.task);
    case 'submit':
      return submit(deps, route, step.task, lost);
    case 'mark-unknown':
      return markUnknown(deps, step.task, step.detail);
    case 'poll':
      return poll(deps, route, step.task, lost);
    case 'resolve':
      return resolveUnknownOutcome(deps, route, step.task, lost);
    case 'fetch':
      return fetchVideo(deps, route, step.task, step.url, lost);
    case 'fail':
      return fail(deps, route, step);
  }
}

async function start({ starts }: Pick<OwnDeps, 'starts'>, task: LeasedTask): Promise<Step> {
  await starts.add(task);
  return { next: 'submit', task };
}

async function markUnknown({ unknowns }: Pick<OwnDeps, 'unknowns'>, task: LeasedTask, detail: string): Promise<Step> {
  const won = await unknowns.add({ task, detail });
  return won ? { next: 'resolve', task: { ...task, state: 'unknown', unknownForMs: 0 } } : { next: 'dropped' };
}
