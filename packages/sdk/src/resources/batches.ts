import type { ApiPromise } from '../api-promise.ts';
import type { ListParams, PagePromise } from '../page.ts';
import { Resource } from '../resource.ts';
import { type ResultsPromise, streamResults } from '../results.ts';
import type { RequestOptions } from '../transport/request.ts';
import type {
  Batch,
  BatchStatus,
  CancelResult,
  CreateBatchParams,
  CreateFromUploadParams,
  Estimate,
  EstimateParams,
  FailureType,
  Task,
  TaskStatus,
  UploadParams,
} from '../types.ts';
import type { UploadSource } from '../upload.ts';
import { waitForBatch, type WaitOptions } from '../wait.ts';

/** Filters and order of `batches.list`. */
export interface BatchListParams extends ListParams {
  status?: BatchStatus;
  model?: string;
  /** Only the batch with exactly this request_id. Use it to find a batch when the answer to its creation was lost. */
  request_id?: string;
  created_after?: Date | string;
  created_before?: Date | string;
  /** Newest first when left out. */
  order?: 'asc' | 'desc';
}

/** Filters of `batches.tasks`. */
export interface TaskListParams extends ListParams {
  status?: TaskStatus;
  failure_type?: FailureType;
  custom_id?: string;
}

/** Options of `batches.results`. */
export interface ResultsParams {
  /** Adds a signed link for this action to every task that succeeded. */
  links?: 'download' | 'play';
  /** Seconds that the links are valid, 60 to 86,400. The default is 3,600. */
  expires_in?: number;
}

/** Options of `batches.cancel`. */
export interface CancelParams {
  /** True: nothing is canceled; the answer says what canceling would do. */
  preview?: boolean;
}

const CSV = 'text/csv';
const NDJSON = 'application/x-ndjson';
const RESULT_TYPES = 'application/x-ndjson, application/jsonl, application/json;q=0.5';

const PATH = '/v1/batches';
const ONE = `${PATH}/{batchId}`;
const ESTIMATE = `${PATH}/estimate`;

/**
 * Batches: from a list of prompts to a folder of videos. When the server refuses a request, every method rejects with a
 * subclass of `APIError`.
 */
export class BatchesResource extends Resource {
  /**
   * Creates a batch: the server reserves its credits and queues its tasks. Nothing is reserved unless every item is
   * valid. The `request_id` is the same in every attempt, so a retry can never create a second batch. Errors have it as
   * `requestId`.
   */
  create(params: CreateBatchParams, options?: RequestOptions): ApiPromise<Batch> {
    return this.transport.call({ method: 'POST', path: PATH, body: params, requestIdIn: 'body' }, options);
  }

  /**
   * The same as `create`, from CSV with a header line: columns `prompt`, `custom_id` and any parameter. At most 48 MiB.
   */
  createFromCsv(source: UploadSource, params: CreateFromUploadParams, options?: RequestOptions): ApiPromise<Batch> {
    return this.#createFrom(CSV, source, params, options);
  }

  /** The same as `create`, from text with one JSON item per line. At most 48 MiB. */
  createFromNdjson(source: UploadSource, params: CreateFromUploadParams, options?: RequestOptions): ApiPromise<Batch> {
    return this.#createFrom(NDJSON, source, params, options);
  }

  /** Says what `create` would cost in credits and what the account has. Reserves nothing. */
  estimate(params: EstimateParams, options?: RequestOptions): ApiPromise<Estimate> {
    return this.transport.call({ method: 'POST', path: ESTIMATE, body: params }, options);
  }

  /** Says what `createFromCsv` would cost in credits and what the account has. Reserves nothing. */
  estimateFromCsv(source: UploadSource, params: UploadParams, options?: RequestOptions): ApiPromise<Estimate> {
    return this.#estimateFrom(CSV, source, params, options);
  }

  /** Says what `createFromNdjson` would cost in credits and what the account has. Reserves nothing. */
  estimateFromNdjson(source: UploadSource, params: UploadParams, options?: RequestOptions): ApiPromise<Estimate> {
    return this.#estimateFrom(NDJSON, source, params, options);
  }

  /** Gets one batch. Rejects with `NotFoundError` when the account has no such batch. */
  retrieve(batchId: string, options?: RequestOptions): ApiPromise<Batch> {
    return this.transport.call({ method: 'GET', path: ONE, ids: { batchId } }, options);
  }

  /** Lists the account's batches, newest first. */
  list(params: BatchListParams = {}, options?: RequestOptions): PagePromise<Batch> {
    return this.transport.list({ path: PATH, query: params }, options);
  }

  /**
   * Cancels the tasks that have not started, and refunds them under the account's terms. Running tasks finish and are
   * charged or refunded by their outcome. With `preview` nothing is canceled; the answer says what would happen.
   * Rejects with `ConflictError` when the batch is final.
   */
  cancel(batchId: string, params: CancelParams = {}, options?: RequestOptions): ApiPromise<CancelResult> {
    return this.transport.call({ method: 'POST', path: `${ONE}/cancel`, ids: { batchId }, query: params }, options);
  }

  /**
   * Pauses a batch: its queued tasks do not start until it is resumed. Running tasks continue. Pausing again changes
   * nothing.
   */
  pause(batchId: string, options?: RequestOptions): ApiPromise<Batch> {
    return this.transport.call({ method: 'POST', path: `${ONE}/pause`, ids: { batchId } }, options);
  }

  /**
   * Resumes a paused batch. The failures for its `max_failure_rate` are counted from zero again. Resuming again changes
   * nothing.
   */
  resume(batchId: string, options?: RequestOptions): ApiPromise<Batch> {
    return this.transport.call({ method: 'POST', path: `${ONE}/resume`, ids: { batchId } }, options);
  }

  /** Lists the tasks of a batch, by index. */
  tasks(batchId: string, params: TaskListParams = {}, options?: RequestOptions): PagePromise<Task> {
    return this.transport.list({ path: `${ONE}/tasks`, ids: { batchId }, query: params }, options);
  }

  /**
   * Gets all tasks in one streamed answer, in index order. With `links`, every task that succeeded has a signed link.
   * It works before the batch is final too. An answer that is cut off is resumed, and you get each task once.
   */
  results(batchId: string, params: ResultsParams = {}, options?: RequestOptions): ResultsPromise {
    const query = { format: 'jsonl', ...params };
    const spec = { path: `${ONE}/results`, ids: { batchId }, query, accept: RESULT_TYPES };
    return streamResults(this.transport, { method: 'GET', ...spec }, options);
  }

  /**
   * Waits until the batch is completed, partial, failed or canceled, and resolves with it; a failed batch is not an
   * error. It sends short requests, less often over time. Rejects with `WaitTimeoutError` after `timeoutMs`, and with
   * `AbortError` when the signal aborts.
   */
  wait(batchId: string, options: WaitOptions = {}): Promise<Batch> {
    return waitForBatch(this.transport, (request) => this.retrieve(batchId, request), batchId, options);
  }

  #createFrom(
    contentType: string,
    source: UploadSource,
    query: CreateFromUploadParams,
    options: RequestOptions | undefined,
  ): ApiPromise<Batch> {
    const upload = { contentType, source };
    return this.transport.call({ method: 'POST', path: PATH, query, upload, requestIdIn: 'query' }, options);
  }

  #estimateFrom(
    contentType: string,
    source: UploadSource,
    query: UploadParams,
    options: RequestOptions | undefined,
  ): ApiPromise<Estimate> {
    return this.transport.call({ method: 'POST', path: ESTIMATE, query, upload: { contentType, source } }, options);
  }
}
