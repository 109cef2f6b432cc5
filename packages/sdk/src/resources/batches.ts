import { ApiPromise } from '../api-promise.ts';
import { list, type ListParams, type PagePromise } from '../page.ts';
import { type ResultsPromise, streamResults } from '../results.ts';
import { jsonBody, type Query, type RequestOptions, segment } from '../transport/request.ts';
import type { Answer, Transport } from '../transport/transport.ts';
import { RushesError } from '../rushes-error.ts';
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
import { readUpload, type UploadSource } from '../upload.ts';
import { waitForBatch, type WaitOptions } from '../wait.ts';

export interface BatchListParams extends ListParams {
  status?: BatchStatus;
  model?: string;
  /** Exactly this one: finds the batch of a creation whose answer was lost. */
  request_id?: string;
  created_after?: Date | string;
  created_before?: Date | string;
  /** Newest first when left out. */
  order?: 'asc' | 'desc';
}

export interface TaskListParams extends ListParams {
  status?: TaskStatus;
  failure_type?: FailureType;
  custom_id?: string;
}

export interface ResultsParams {
  /** Put a signed link for this into every success. */
  links?: 'download' | 'play';
  /** Seconds that the links are good for, 60 to 86,400; 3,600 when left out. */
  expires_in?: number;
}

export interface CancelParams {
  /** Only say what canceling would do. */
  preview?: boolean;
}

const CSV = 'text/csv';
const NDJSON = 'application/x-ndjson';

/** Settings that a CSV or NDJSON body leaves no room for, as `name=`, `defaults.name=` and `metadata.name=`. */
function uploadQuery(params: CreateFromUploadParams): Query {
  const { defaults, metadata, ...plain } = params;
  const query: Record<string, string | number | boolean | undefined> = { ...plain };
  for (const [name, value] of Object.entries<string | number>({ ...defaults })) query[`defaults.${name}`] = value;
  for (const [name, value] of Object.entries(metadata ?? {})) query[`metadata.${name}`] = value;
  return query;
}

/** Batches: from a list of prompts to a folder of videos. Every method rejects with an `APIError` subclass on refusal. */
export class Batches {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Prices the batch, reserves its credits and queues it. Nothing is reserved unless every item is valid.
   * The `request_id` is fixed before the first attempt, so that a retry can never make a second batch; the error carries
   * it as `requestId`.
   */
  create(params: CreateBatchParams, options?: RequestOptions): ApiPromise<Batch> {
    return new ApiPromise(this.#create(params, options));
  }

  /** As `create`, from CSV with a header line: columns `prompt`, `custom_id` and any parameter. At most 48 MiB. */
  createFromCsv(source: UploadSource, params: CreateFromUploadParams, options?: RequestOptions): ApiPromise<Batch> {
    return new ApiPromise(this.#createFrom(CSV, source, params, options));
  }

  /** As `create`, from one JSON item per line. At most 48 MiB. */
  createFromNdjson(source: UploadSource, params: CreateFromUploadParams, options?: RequestOptions): ApiPromise<Batch> {
    return new ApiPromise(this.#createFrom(NDJSON, source, params, options));
  }

  /** What `create` would cost, and what the account has. Reserves nothing. */
  estimate(params: EstimateParams, options?: RequestOptions): ApiPromise<Estimate> {
    return new ApiPromise(this.#estimate(params, options));
  }

  /** What `createFromCsv` would cost. Reserves nothing. */
  estimateFromCsv(source: UploadSource, params: UploadParams, options?: RequestOptions): ApiPromise<Estimate> {
    return new ApiPromise(this.#estimateFrom(CSV, source, params, options));
  }

  /** What `createFromNdjson` would cost. Reserves nothing. */
  estimateFromNdjson(source: UploadSource, params: UploadParams, options?: RequestOptions): ApiPromise<Estimate> {
    return new ApiPromise(this.#estimateFrom(NDJSON, source, params, options));
  }

  retrieve(batchId: string, options?: RequestOptions): ApiPromise<Batch> {
    return new ApiPromise(this.#retrieve(batchId, options));
  }

  /** Newest first. */
  list(params: BatchListParams = {}, options?: RequestOptions): PagePromise<Batch> {
    return list(this.#transport, () => ({ path: '/v1/batches', query: { ...params } }), options);
  }

  /**
   * Stops what was not sent upstream yet and refunds it; running tasks end by their outcome. With `preview` it only says
   * what would happen. Rejects with `ConflictError` when the batch is final.
   */
  cancel(batchId: string, params: CancelParams = {}, options?: RequestOptions): ApiPromise<CancelResult> {
    return new ApiPromise(this.#cancel(batchId, params, options));
  }

  /** Nothing new of the batch is sent until it is resumed; what runs goes on. Doing it again changes nothing. */
  pause(batchId: string, options?: RequestOptions): ApiPromise<Batch> {
    return new ApiPromise(this.#control(batchId, 'pause', options));
  }

  /** Lets a paused batch go on, with a new sample for its `max_failure_rate`. Doing it again changes nothing. */
  resume(batchId: string, options?: RequestOptions): ApiPromise<Batch> {
    return new ApiPromise(this.#control(batchId, 'resume', options));
  }

  /** The tasks of a batch, by index. */
  tasks(batchId: string, params: TaskListParams = {}, options?: RequestOptions): PagePromise<Task> {
    const path = (): string => `/v1/batches/${segment(batchId, 'batchId')}/tasks`;
    return list(this.#transport, () => ({ path: path(), query: { ...params } }), options);
  }

  /**
   * All tasks in one streamed answer, in index order, with a signed link for every success when `links` asks for it;
   * works before the batch is final too. An answer that breaks off is resumed, each task is given once.
   */
  results(batchId: string, params: ResultsParams = {}, options?: RequestOptions): ResultsPromise {
    return streamResults(
      this.#transport,
      () => ({
        method: 'GET',
        path: `/v1/batches/${segment(batchId, 'batchId')}/results`,
        query: { format: 'jsonl', ...params },
        accept: 'application/x-ndjson, application/jsonl, application/json;q=0.5',
      }),
      options,
    );
  }

  /**
   * Resolves with the batch once it is completed, partial, failed or canceled; a failed batch is not an error. Made of
   * short requests that grow rarer. Rejects with `WaitTimeoutError` after `timeoutMs`, with `AbortError` on the signal.
   */
  wait(batchId: string, options: WaitOptions = {}): Promise<Batch> {
    const look = async (request: RequestOptions): Promise<Batch> => (await this.#retrieve(batchId, request)).data;
    return waitForBatch(this.#transport, look, batchId, options);
  }

  async #retrieve(batchId: string, options?: RequestOptions): Promise<Answer<Batch>> {
    return this.#transport.json({ method: 'GET', path: `/v1/batches/${segment(batchId, 'batchId')}` }, options);
  }

  async #cancel(batchId: string, params: CancelParams, options?: RequestOptions): Promise<Answer<CancelResult>> {
    const path = `/v1/batches/${segment(batchId, 'batchId')}/cancel`;
    return this.#transport.json({ method: 'POST', path, query: { ...params }, body: jsonBody({}) }, options);
  }

  async #control(batchId: string, verb: 'pause' | 'resume', options?: RequestOptions): Promise<Answer<Batch>> {
    const path = `/v1/batches/${segment(batchId, 'batchId')}/${verb}`;
    return this.#transport.json({ method: 'POST', path, body: jsonBody({}) }, options);
  }

  async #createFrom(
    contentType: string,
    source: UploadSource,
    params: CreateFromUploadParams,
    options?: RequestOptions,
  ): Promise<Answer<Batch>> {
    const requestId = this.#requestId(params, options);
    const query = uploadQuery({ ...params, request_id: requestId });
    const body = { contentType, content: await readUpload(source) };
    return this.#transport.json({ method: 'POST', path: '/v1/batches', query, body, requestId }, options);
  }

  async #create(params: CreateBatchParams, options?: RequestOptions): Promise<Answer<Batch>> {
    const requestId = this.#requestId(params, options);
    const body = jsonBody({ ...params, request_id: requestId });
    return this.#transport.json({ method: 'POST', path: '/v1/batches', body, requestId }, options);
  }

  async #estimate(params: EstimateParams, options?: RequestOptions): Promise<Answer<Estimate>> {
    const spec = { method: 'POST', path: '/v1/batches/estimate', body: jsonBody(params) } as const;
    return this.#transport.json(spec, options);
  }

  async #estimateFrom(
    contentType: string,
    source: UploadSource,
    params: UploadParams,
    options?: RequestOptions,
  ): Promise<Answer<Estimate>> {
    const body = { contentType, content: await readUpload(source) };
    const spec = { method: 'POST', path: '/v1/batches/estimate', query: uploadQuery(params), body } as const;
    return this.#transport.json(spec, options);
  }

  #requestId(params: { request_id?: string }, options: RequestOptions | undefined): string {
    const { idempotencyKey } = options ?? {};
    if (params.request_id !== undefined && idempotencyKey !== undefined && params.request_id !== idempotencyKey) {
      throw new RushesError('request_id and idempotencyKey are the same thing and differ: give one of them.');
    }
    return params.request_id ?? idempotencyKey ?? this.#transport.ports.uuid();
  }
}
