import type { Coalescer } from '../store/coalescer.ts';
import type { PendingSubmission } from '../store/attempt-store.ts';
import type { LeasedTask } from '../task.ts';
import type { RunningTask } from './step.ts';

export interface RecordDeps {
  readonly submissions: Pick<Coalescer<PendingSubmission, boolean>, 'add'>;
}

/** The write of an upstream's id, under way. */
export interface Recording {
  readonly task: RunningTask;
  readonly submission: PendingSubmission;
  /** Whether the task was still ours when the id was written. */
  readonly recorded: Promise<boolean>;
}

/**
 * Begins to store the upstream's id, while the task is being polled already. A settlement carries the id too, so a task that
 * ends before its id was written needs no write of it.
 */
export function recordSubmission({ submissions }: RecordDeps, task: LeasedTask, upstreamId: string): Recording {
  const submission = { task, upstreamId, isMoot: false };
  const recorded = submissions.add(submission);
  // Awaited when it matters, unless an error or the end of the lease comes first: then it goes on by itself.
  recorded.catch(ignore);
  return { task: { ...task, state: 'running', upstreamId }, submission, recorded };
}

function ignore(): void {}
