import { APIError, ConnectionError, InvalidResponseError, TimeoutError } from './errors.ts';
import { RushesError } from './rushes-error.ts';
import type { BodyStream } from './transport/body-stream.ts';
import { backoffMs } from './transport/retry-policy.ts';
import type { Answer } from './transport/answer.ts';
import type { RequestOptions } from './transport/request.ts';
import type { Transport } from './transport/transport.ts';
import type { Task, VideoLink } from './types.ts';

/** The part of a task that is needed to get its video: a `Task` or a `TaskResult`. */
export type TaskWithVideo = Pick<Task, 'id' | 'video'>;

/** A part of a video and its position. */
export interface VideoChunk {
  /** Position of the first byte in the video. It goes back to 0 when the server could not resume. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Settings of `videos.stream`. */
export interface VideoStreamOptions extends Omit<RequestOptions, 'idempotencyKey'> {
  /** The position in bytes to start at. The default is 0. */
  from?: number;
  /**
   * A link that you have already, such as one from `batches.results`. The default is a new link. An expired link is
   * replaced.
   */
  link?: VideoLink | null;
}

/** Answers of a link that has expired, was revoked or belongs to a deleted video; a fresh link tells them apart. */
const STALE_LINK: ReadonlySet<number> = new Set([401, 403, 404, 410]);

interface Position {
  readonly start: number;
  readonly totalBytes: number | null;
}

/** The position where the body of an answer begins: from Content-Range (RFC 9110, 14.4) for a partial one, else 0. */
function positionOf(response: Response, from: number): Position {
  if (response.status !== 206) return { start: 0, totalBytes: null };
  const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
  if (range !== null && Number(range[1]) === from) {
    return { start: from, totalBytes: range[3] === '*' ? null : Number(range[3]) };
  }
  const excerpt = `content-range: ${response.headers.get('content-range') ?? 'none'}`;
  throw new InvalidResponseError({ status: 206, headers: response.headers, problem: null, excerpt });
}

/** Reads one video with as many links and connections as necessary. */
class VideoReader {
  readonly #transport: Transport;
  readonly #task: TaskWithVideo;
  readonly #request: RequestOptions;
  readonly #maxRetries: number;
  #url: string | null;
  #offset: number;
  /** Strong validator of the bytes so far; If-Range turns a changed video into a whole one instead of a mixture. */
  #etag: string | null;
  /** Only bytes past this position count as progress: starting again at 0 does not. */
  #farthest: number;
  #retries = 0;
  #linkIsFresh = false;

  constructor(transport: Transport, task: TaskWithVideo, options: VideoStreamOptions) {
    const { from = 0, link = null, ...request } = options;
    this.#transport = transport;
    this.#task = task;
    this.#request = request;
    this.#maxRetries = request.maxRetries ?? transport.settings.maxRetries;
    this.#url = link?.url ?? null;
    this.#offset = from;
    this.#farthest = from;
    // The server's validator is the digest, so that bytes of an earlier run can be continued under it too.
    this.#etag = task.video === null ? null : `"${task.video.sha256}"`;
  }

  async *chunks(totalBytes: number): AsyncGenerator<VideoChunk, void, undefined> {
    while (this.#offset < totalBytes) {
      try {
        const { data, response } = await this.#open();
        const position = positionOf(response, this.#offset);
        if (position.totalBytes !== null && position.totalBytes !== totalBytes)
          throw this.#wrongSize(position.totalBytes);
        this.#offset = position.start;
        this.#etag = strongEtag(response);
        for await (const bytes of data) {
          const offset = this.#offset;
          this.#offset += bytes.length;
          if (this.#offset > totalBytes) throw this.#wrongSize(this.#offset);
          this.#noteProgress();
          yield { offset, bytes };
        }
        if (this.#offset < totalBytes) {
          throw new ConnectionError(
            `The video of ${this.#task.id} ended after ${this.#offset} of ${totalBytes} bytes.`,
          );
        }
      } catch (error) {
        await this.#recover(error);
      }
    }
  }

  async #open(): Promise<Answer<BodyStream>> {
    if (this.#url === null) {
      const body = { action: 'download' };
      const link = await this.#transport.call<VideoLink>(
        { method: 'POST', path: '/v1/tasks/{taskId}/links', ids: { taskId: this.#task.id }, body },
        this.#request,
      );
      this.#url = link.url;
      this.#linkIsFresh = true;
    }
    // Byte positions only mean anything in the video itself, not in a compressed form of it.
    const headers: Record<string, string> = { 'accept-encoding': 'identity' };
    if (this.#offset > 0) {
      headers['range'] = `bytes=${this.#offset}-`;
      if (this.#etag !== null) headers['if-range'] = this.#etag;
    }
    return this.#transport.link(this.#url, headers, this.#request);
  }

  #noteProgress(): void {
    if (this.#offset <= this.#farthest) return;
    this.#farthest = this.#offset;
    this.#retries = 0;
    this.#linkIsFresh = false;
  }

  /** Prepares the next attempt, or throws `error` when there is none. */
  async #recover(error: unknown): Promise<void> {
    if (error instanceof APIError) {
      if (STALE_LINK.has(error.status) && this.#url !== null && !this.#linkIsFresh) {
        this.#url = null;
        return;
      }
      if (error.status !== 416 || this.#offset === 0) throw error;
      this.#offset = 0;
      this.#etag = null;
      return;
    }
    const broken = error instanceof ConnectionError || error instanceof TimeoutError;
    if (!broken || this.#retries >= this.#maxRetries) throw error;
    const { ports } = this.#transport;
    await ports.sleep(backoffMs(this.#retries, ports.fraction()), this.#request.signal);
    this.#retries += 1;
  }

  #wrongSize(bytes: number): RushesError {
    return new RushesError(
      `The link of ${this.#task.id} leads to ${bytes} bytes or more, but its video has ${this.#task.video?.bytes}.`,
    );
  }
}

function strongEtag(response: Response): string | null {
  const etag = response.headers.get('etag');
  return etag === null || etag.startsWith('W/') ? null : etag;
}

/** Streams the bytes of a task's video in order. See `Videos.stream`. */
export async function* streamVideo(
  transport: Transport,
  task: TaskWithVideo,
  options: VideoStreamOptions,
): AsyncGenerator<VideoChunk, void, undefined> {
  if (task.video === null) throw new RushesError(`${task.id} has no video: only tasks that succeeded have one.`);
  yield* new VideoReader(transport, task, options).chunks(task.video.bytes);
}
