import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { APIError, AbortError, AuthenticationError, ConnectionError, TimeoutError } from '../errors.ts';
import { RushesError } from '../rushes-error.ts';
import type { ResultsParams } from '../resources/batches.ts';
import type { RequestOptions } from '../transport/request.ts';
import type { Batch, TaskResult } from '../types.ts';
import { downloadVideoTo, type VideoClient } from './download-video.ts';
import { assignFileNames } from './file-names.ts';
import { type ManifestRow, writeManifest } from './manifest.ts';

/** The client that `downloadBatch` needs: a `Rushes`, or an object with the same methods. */
export interface BatchClient extends VideoClient {
  readonly batches: {
    retrieve(batchId: string, options?: RequestOptions): PromiseLike<Batch>;
    results(batchId: string, params?: ResultsParams, options?: RequestOptions): AsyncIterable<TaskResult>;
  };
}

/** Progress of a batch download. */
export interface BatchDownloadProgress {
  /** Number of videos in the batch. */
  readonly total: number;
  /** Number of complete videos: downloaded now or there before. */
  readonly done: number;
  /** Number of videos that could not be downloaded. */
  readonly failed: number;
  /** Bytes of the complete videos. */
  readonly bytes: number;
}

/** Settings of `downloadBatch`. */
export interface DownloadBatchOptions {
  /** Number of videos to download at the same time, 1 to 64. The default is 4. */
  concurrency?: number;
  /** Called after each video. */
  onProgress?: (progress: BatchDownloadProgress) => void;
  /** Stops the download with `AbortError`. Complete and partial files stay and are used the next time. */
  signal?: AbortSignal;
  /** Seconds that the links are valid, 60 to 86,400. The default is 3,600. Expired links are replaced. */
  expiresIn?: number;
}

/** A video that could not be downloaded, and why. */
export interface DownloadFailure {
  readonly task_id: string;
  readonly index: number;
  readonly error: unknown;
}

/** The result of `downloadBatch`. */
export interface DownloadedBatch {
  /** The batch as it was before the download. */
  readonly batch: Batch;
  /** Path of manifest.csv. */
  readonly manifest: string;
  /** One row per task, in index order, as in the manifest. */
  readonly rows: readonly ManifestRow[];
  /** Number of videos that were downloaded now. */
  readonly fetched: number;
  /** Number of videos whose complete file, with the right SHA-256, was there before. */
  readonly alreadyPresent: number;
  /** Videos that could not be downloaded; their rows have no file. Call `downloadBatch` again to retry them. */
  readonly failures: readonly DownloadFailure[];
}

const DEFAULT_CONCURRENCY = 4;
const CONCURRENCY_MAX = 64;
/** After so many failures in a row because the server cannot be reached, per lane, the other videos are not tried. */
const FAILURES_IN_A_ROW_PER_LANE = 3;

type ResultWithoutPrompt = Omit<TaskResult, 'prompt' | 'params'>;

async function readResults(
  client: BatchClient,
  batch: Batch,
  options: DownloadBatchOptions,
): Promise<ResultWithoutPrompt[]> {
  const { signal, expiresIn } = options;
  const params = { links: 'download', ...(expiresIn === undefined ? {} : { expires_in: expiresIn }) } as const;
  const tasks: ResultWithoutPrompt[] = [];
  for await (const result of client.batches.results(batch.id, params, signal === undefined ? {} : { signal })) {
    // Prompts are not needed here, and 10,000 of them would take most of the memory.
    const { prompt: _prompt, params: _params, ...task } = result;
    tasks.push(task);
  }
  if (tasks.length !== batch.counts.total) {
    throw new ConnectionError(
      `${batch.id} has ${batch.counts.total} tasks, but its results ended after ${tasks.length}. Try again.`,
    );
  }
  return tasks;
}

/** Failures that would stop every further video too. */
function endsEverything(error: unknown): boolean {
  if (error instanceof AbortError || error instanceof AuthenticationError) return true;
  // An error of the file system (a full disk, a folder without write permission) has the name of its system call.
  return error instanceof Error && !(error instanceof RushesError) && 'syscall' in error;
}

function isOutage(error: unknown): boolean {
  if (error instanceof APIError) return error.status === 429 || error.status >= 500;
  return error instanceof ConnectionError || error instanceof TimeoutError;
}

function rowOf(task: ResultWithoutPrompt, file: string | null): ManifestRow {
  return {
    index: task.index,
    custom_id: task.custom_id,
    status: task.status,
    failure_type: task.failure?.type ?? null,
    file,
    bytes: file === null ? null : (task.video?.bytes ?? null),
    sha256: file === null ? null : (task.video?.sha256 ?? null),
    credits: task.credits.charged,
  };
}

/** The downloads of one batch while they run. */
class BatchDownload {
  readonly files = new Map<number, string>();
  readonly failures: DownloadFailure[] = [];
  fetched = 0;
  alreadyPresent = 0;
  readonly #client: VideoClient;
  readonly #folder: string;
  readonly #names: ReadonlyMap<number, string>;
  readonly #options: DownloadBatchOptions;
  readonly #stop = new AbortController();
  #failuresInARow = 0;
  #bytes = 0;

  constructor(client: VideoClient, folder: string, names: ReadonlyMap<number, string>, options: DownloadBatchOptions) {
    this.#client = client;
    this.#folder = folder;
    this.#names = names;
    this.#options = options;
  }

  /** Runs until every video is complete or failed. Throws an error that stops all videos. */
  async run(videos: readonly ResultWithoutPrompt[], lanes: number): Promise<void> {
    const { signal } = this.#options;
    const either = signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal]);
    const queue = videos.values();
    let first: { error: unknown } | null = null;
    const lane = async (): Promise<void> => {
      for (const task of queue) {
        if (either.aborted) break;
        try {
          await this.#one(task, either, lanes);
        } catch (error) {
          first ??= { error };
          this.#stop.abort();
        }
        this.#options.onProgress?.(this.#progress(videos.length));
      }
    };
    const ended = await Promise.allSettled(Array.from({ length: lanes }, lane));
    if (signal?.aborted === true) throw new AbortError('The caller aborted the download.', { cause: signal.reason });
    const failed = first as { error: unknown } | null;
    if (failed !== null) throw failed.error;
    for (const result of ended) if (result.status === 'rejected') throw result.reason;
  }

  async #one(task: ResultWithoutPrompt, signal: AbortSignal, lanes: number): Promise<void> {
    try {
      const name = this.#names.get(task.index) ?? '';
      const video = await downloadVideoTo(this.#client, task, join(this.#folder, name), {
        link: task.link ?? null,
        signal,
      });
      this.files.set(task.index, basename(video.path));
      this.#bytes += video.bytes;
      this.#failuresInARow = 0;
      if (video.alreadyPresent) this.alreadyPresent += 1;
      else this.fetched += 1;
    } catch (error) {
      if (endsEverything(error)) throw error;
      this.#failuresInARow = isOutage(error) ? this.#failuresInARow + 1 : 0;
      if (this.#failuresInARow >= FAILURES_IN_A_ROW_PER_LANE * lanes) throw error;
      this.failures.push({ task_id: task.id, index: task.index, error });
    }
  }

  #progress(total: number): BatchDownloadProgress {
    return { total, done: this.files.size, failed: this.failures.length, bytes: this.#bytes };
  }
}

/**
 * Downloads every video of a batch into `folder`, as `<custom_id or five-digit index>.mp4`, and writes `manifest.csv`
 * (index, custom_id, status, failure_type, file, bytes, sha256, credits) beside them. It works before the batch is
 * final too. Call it again to download the rest: complete files are not downloaded again.
 *
 * In the manifest, text that a spreadsheet would run as a formula, or that starts with a single quote, has a single
 * quote in front. Remove one leading quote to get the original text.
 *
 * A video that cannot be downloaded is in `failures` and does not stop the others. Rejects when nothing more can be
 * downloaded: the batch does not exist, the key is wrong, the disk is full, the server cannot be reached, or the
 * caller's signal aborts.
 */
export async function downloadBatch(
  client: BatchClient,
  batchId: string,
  folder: string,
  options: DownloadBatchOptions = {},
): Promise<DownloadedBatch> {
  const lanes = options.concurrency ?? DEFAULT_CONCURRENCY;
  if (!Number.isInteger(lanes) || lanes < 1 || lanes > CONCURRENCY_MAX) {
    throw new RushesError(`concurrency must be a whole number from 1 to ${CONCURRENCY_MAX}, not ${lanes}.`);
  }
  const { signal } = options;
  const batch = await client.batches.retrieve(batchId, signal === undefined ? {} : { signal });
  const tasks = await readResults(client, batch, options);
  await mkdir(folder, { recursive: true });
  const download = new BatchDownload(client, folder, assignFileNames(tasks), options);
  await download.run(
    tasks.filter((task) => task.video !== null),
    lanes,
  );
  const rows = tasks.map((task) => rowOf(task, download.files.get(task.index) ?? null));
  const manifest = join(folder, 'manifest.csv');
  await writeManifest(manifest, rows);
  const { fetched, alreadyPresent, failures } = download;
  return { batch, manifest, rows, fetched, alreadyPresent, failures };
}
