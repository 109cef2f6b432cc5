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

/** Which batches `batches.list` gives. */
export interface BatchListParams extends ListParams {
  status?: BatchStatus;
  model?: string;
  /** The batch with exactly this request_id: finds a batch whose creation was not answered. */
  request_id?: string;
  created_after?: Date | string;
  created_before?: Date | string;
  /** Newest first when left out. */
  order?: 'asc' | 'desc';
}

/** Which tasks `batches.tasks` gives. */
export interface TaskListParams extends ListParams {
  status?: TaskStatus;
  failure_type?: FailureType;
  custom_id?: string;
}

/** What `batches.results` gives for each task. */
export interface ResultsParams {
  /** Adds a signed link for this to every task that succeeded. */
  links?: 'download' | 'play';
  /** Seconds that the links are valid, 60 to 86,400; 3,600 when left out. */
  expires_in?: number;
}

/** How a batch is canceled. */
export interface CancelParams {
  /** True: nothing is canceled, the answer says what canceling would do. */
  preview?: boolean;
}

const CSV = 'text/csv';
const NDJSON = 'application/x-ndjson';
const RESULT_TYPES = 'application/x-ndjson, application/jsonl, application/json;q=0.5';

const PATH = '/v1/batches';
const ONE = `${PATH}/{batchId}`;
const ESTIMATE = `${PATH}/estimate`;

/** Batches: from a list of prompts to a folder of videos. Every method rejects with an `APIError` subclass on refusal. */
export class BatchesResource extends Resource {
  /**
   * Prices the batch, reserves its credits and queues it. Nothing is reserved unless every item is valid.
   * The `request_id` is fixed before the first attempt, so that a retry can never make a second batch; the error carries
   * it as `requestId`.
   */
  create(params: CreateBatchParams, options?: RequestOptions): ApiPromise<Batch> {
    return this.transport.call({ method: 'POST', path: PATH, body: params, requestIdIn: 'body' }, options);
  }

  /** As `create`, from CSV with a header line: columns `prompt`, `custom_id` and any parameter. At most 48 MiB. */
  createFromCsv(source: UploadSource, params: CreateFromUploadParams, options?: RequestOptions): ApiPromise<Batch> {
    return this.#createFrom(CSV, source, params, options);
  }

  /** As `create`, from one JSON item per line. At most 48 MiB. */
  createFromNdjson(source: UploadSource, params: CreateFromUploadParams, options?: RequestOptions): ApiPromise<Batch> {
    return this.#createFrom(NDJSON, source, params, options);
  }

  /** What `create` would cost in credits, and what the account has. Reserves nothing. */
  estimate(params: EstimateParams, options?: RequestOptions): ApiPromise<Estimate> {
    return this.transport.call({ method: 'POST', path: ESTIMATE, body: params }, options);
  }

  /** What `createFromCsv` would cost in credits, and what the account has. Reserves nothing. */
  estimateFromCsv(source: UploadSource, params: UploadParams, options?: RequestOptions): ApiPromise<Estimate> {
    return this.#estimateFrom(CSV, source, params, options);
  }

  /** What `createFromNdjson` would cost in credits, and what the account has. Reserves nothing. */
  estimateFromNdjson(source: UploadSource, params: UploadParams, options?: RequestOptions): ApiPromise<Estimate> {
    return this.#estimateFrom(NDJSON, source, params, options);
  }

  /** One batch, as it is now. Rejects with `NotFoundError` when the account has no such batch. */
  retrieve(batchId: string, options?: RequestOptions): ApiPromise<Batch> {
    return this.transport.call({ method: 'GET', path: ONE, ids: { batchId } }, options);
  }

  /** The account's batches, newest first. */
  list(params: BatchListParams = {}, options?: RequestOptions): PagePromise<Batch> {
    return this.transport.list({ path: PATH, query: params }, options);
  }

  /**
   * Stops the tasks that were not sent upstream yet and refunds them; running tasks go on to their outcome. With
   * `preview` the answer only says what would happen. Rejects with `ConflictError` when the batch is final.
   */
  cancel(batchId: string, params: CancelParams = {}, options?: RequestOptions): ApiPromise<CancelResult> {
    return this.transport.call({ method: 'POST', path: `${ONE}/cancel`, ids: { batchId }, query: params }, options);
  }

  /** Sends no new task of the batch until it is resumed; running tasks go on. Pausing again changes nothing. */
  pause(batchId: string, options?: RequestOptions): ApiPromise<Batch> {
    return this.transport.call({ method: 'POST', path: `${ONE}/pause`, ids: { batchId } }, options);
  }

  /** Lets a paused batch go on, with a new sample for its `max_failure_rate`. Resuming again changes nothing. */
  resume(batchId: string, options?: RequestOptions): ApiPromise<Batch> {
    return this.transport.call({ method: 'POST', path: `${ONE}/resume`, ids: { batchId } }, options);
  }

  /** The tasks of a batch, by index. */
  tasks(batchId: string, params: TaskListParams = {}, options?: RequestOptions): PagePromise<Task> {
    return this.transport.list({ path: `${ONE}/tasks`, ids: { batchId }, query: params }, options);
  }

  /**
   * All tasks in one streamed answer, in index order, with a signed link for every success when `links` asks for it.
   * Works before the batch is final too. An answer that breaks off is resumed, and each task is given once.
   */
  results(batchId: string, params: ResultsParams = {}, options?: RequestOptions): ResultsPromise {
    const query = { format: 'jsonl', ...params };
    const spec = { path: `${ONE}/results`, ids: { batchId }, query, accept: RESULT_TYPES };
    return streamResults(this.transport, { method: 'GET', ...spec }, options);
  }

  /**
   * Resolves with the batch once it is completed, partial, failed or canceled; a failed batch is not an error. Asks in
   * short requests that become rarer. Rejects with `WaitTimeoutError` after `timeoutMs`, with `AbortError` on the signal.
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
