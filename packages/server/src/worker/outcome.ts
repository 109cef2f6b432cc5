import type { FailureType } from '@rushes/contract';
import type { StoredVideo } from '../ports.ts';

/** How a task ends. The credits that move follow from it and from the batch's terms, in the database. */
export type Outcome =
  | { readonly kind: 'succeeded'; readonly video: StoredVideo }
  | { readonly kind: 'failed'; readonly type: FailureType; readonly detail: string };

/** The label of an outcome in metrics: `succeeded`, or the type of the failure. */
export function outcomeLabel(outcome: Outcome): string {
  return outcome.kind === 'succeeded' ? 'succeeded' : outcome.type;
}
