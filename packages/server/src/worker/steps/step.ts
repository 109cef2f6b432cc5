import type { FailureType } from '@rushes/contract';
import type { Outcome } from '../outcome.ts';
import type { LeasedTask } from '../task.ts';

/** Why an attempt did not come to a video. */
interface AttemptFailure {
  readonly type: FailureType;
  /** For the operator: it may hold the upstream's own text. */
  readonly detail: string;
  /** When the upstream wants to be asked again. */
  readonly retryAfterMs?: number;
}

/** A task whose generation the upstream has begun. */
export type RunningTask = LeasedTask & { readonly upstreamId: string };

/** Where a task goes from here. `dropped`: somebody else decides about it now. */
export type Step =
  /** The first of its batch to be sent: the batch begins with it. */
  | { readonly next: 'start'; readonly task: LeasedTask }
  | { readonly next: 'submit'; readonly task: LeasedTask }
  /** It cannot be sent now: it goes back to the queue, never sent. */
  | { readonly next: 'release'; readonly task: LeasedTask; readonly delayMs: number }
  | { readonly next: 'record'; readonly task: LeasedTask; readonly upstreamId: string }
  /** It was sent and no clear answer came. */
  | { readonly next: 'mark-unknown'; readonly task: LeasedTask; readonly detail: string }
  | { readonly next: 'resolve'; readonly task: LeasedTask }
  | { readonly next: 'poll'; readonly task: RunningTask }
  | { readonly next: 'fetch'; readonly task: RunningTask; readonly url: string }
  | { readonly next: 'settle'; readonly task: LeasedTask; readonly outcome: Outcome }
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

/** The upstream's id of this task is known: it is asked for. */
export function pollStep(task: LeasedTask, upstreamId: string): Step {
  return { next: 'poll', task: { ...task, state: 'running', upstreamId } };
}
