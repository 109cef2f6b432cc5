/**
 * The types of answers for a client. A newer server may send more: every set of words in an answer also allows other
 * strings, so that your code keeps compiling and running.
 */
import type * as states from '@rushes/contract/facts/states';
import type * as wire from '@rushes/contract/types';

/** `T` with every set of literals opened to other strings. Editors still suggest the known values. */
export type Open<T> = T extends string
  ? string extends T
    ? T
    : T | (string & {})
  : T extends number
    ? number
    : T extends readonly (infer Member)[]
      ? Open<Member>[]
      : T extends object
        ? { [Name in keyof T]: Open<T[Name]> }
        : T;

export type BatchStatus = Open<states.BatchStatus>;
export type TaskStatus = Open<states.TaskStatus>;
export type FailureType = Open<wire.TaskFailure['type']>;
export type LedgerKind = Open<states.LedgerKind>;
export type EventType = Open<wire.Event['type']>;
export type ErrorCode = Open<wire.Problem['code']>;
export type LinkAction = states.LinkAction;

export type TaskParams = wire.TaskParams;
export type BatchItem = wire.BatchItem;

export interface Estimate extends Open<wire.Estimate> {}
export interface Batch extends Open<wire.Batch> {}
export interface CancelResult extends Open<wire.CancelResult> {}
export interface Task extends Open<wire.Task> {}
export interface TaskResult extends Open<wire.TaskResult> {}
export interface TaskVideo extends Open<wire.TaskVideo> {}
export interface VideoLink extends Open<wire.VideoLink> {}
export interface Credits extends Open<wire.Credits> {}
export interface Account extends Open<wire.Account> {}
export interface LedgerEntry extends Open<wire.LedgerEntry> {}
export interface Model extends Open<wire.Model> {}
export interface WebhookEndpoint extends Open<wire.WebhookEndpoint> {}
export interface WebhookEndpointWithSecret extends Open<wire.WebhookEndpointWithSecret> {}
export interface WebhookDelivery extends Open<wire.WebhookDelivery> {}
/** How many deliveries are sent again, and where to continue. */
export interface WebhookRedelivery extends Open<wire.RedeliverResult> {}
export interface ListedEvent extends Open<wire.ListedEvent> {}
export interface ItemError extends Open<wire.ItemError> {}
export interface Problem extends Open<wire.Problem> {}

/** The parameters of a batch without the idempotency key. */
export interface EstimateParams extends Omit<wire.EstimateRequest, 'request_id'> {}

/** Parameters of `batches.create`. */
export interface CreateBatchParams extends EstimateParams {
  /**
   * Idempotency key, 1 to 255 printable ASCII characters. The default is a new key for each call. Pass your own (an
   * order number, a job id) to be safe across restarts of your program too.
   */
  request_id?: string;
}

/** Settings of a batch whose items come as CSV or NDJSON text. */
export interface UploadParams extends Omit<EstimateParams, 'items'> {
  /** CSV only: skip columns other than `prompt`, `custom_id`, parameters and `metadata.*`. */
  ignore_columns?: boolean;
}

/** Parameters of `batches.createFromCsv` and `batches.createFromNdjson`, beside the text. */
export interface CreateFromUploadParams extends UploadParams {
  /** The same as in `CreateBatchParams`. */
  request_id?: string;
}
