import { HttpFailure, type Clock, type HttpClient, type Logger, type Random, type StoredVideo } from '../../ports.ts';
import type { VideoStorage } from '../../ports.ts';
import { VideoTooLarge } from '../../videos/index.ts';
import type { PollQueue } from '../route/poll-queue.ts';
import type { RouteState } from '../route/route.ts';
import type { Slots } from '../route/slots.ts';
import { describeTask } from '../task.ts';
import type { RunningTask, Step } from './step.ts';
import { checkSignature, NotAVideo } from './video-signature.ts';

/** More than any model here makes; what is larger is no clip of ours. */
const MAX_VIDEO_BYTES = 1024 * 1024 * 1024;
/** A large file over a slow line; a stalled one is given up and fetched again. */
const FETCH_TIMEOUT_MS = 5 * 60_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** A result that stays missing this often is gone, not late. */
const MISSING_ANSWERS_MAX = 4;

export interface FetchDeps {
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  readonly random: Pick<Random, 'fraction'>;
  readonly logger: Pick<Logger, 'warn'>;
  readonly http: Pick<HttpClient, 'stream'>;
  readonly storage: Pick<VideoStorage, 'put' | 'remove'>;
  readonly downloadSlots: Pick<Slots, 'take' | 'give'>;
}

interface FetchRoute {
  readonly upstream: Pick<RouteState['upstream'], 'resultLifetimeMs'>;
  readonly polls: Pick<PollQueue, 'ask'>;
}

/** `again`: its server is in trouble. `ours`: what was fetched could not be stored. */
type FetchFailure = { readonly kind: 'again' | 'ours' | 'missing' | 'hopeless'; readonly detail: string };

/**
 * Brings a finished video into our own storage. Only the fetch is repeated, until the URL has expired; the task is
 * never generated again for it.
 */
export async function fetchVideo(
  deps: FetchDeps,
  route: FetchRoute,
  task: RunningTask,
  firstUrl: string,
  lost: AbortSignal,
): Promise<Step> {
  const { clock, storage } = deps;
  const expiresAtMs = clock.monotonicMs() + route.upstream.resultLifetimeMs;
  const key = `${task.accountUuid}/${task.batchUuid}/${task.index}-${task.fence}.mp4`;
  let url = firstUrl;
  let missing = 0;
  /** Since when its server has only failed. */
  let failingSinceMs: number | null = null;
  for (let tries = 1; ; tries += 1) {
    await deps.downloadSlots.take();
    const fetched = await fetchOnce(deps, key, url, lost);
    if (lost.aborted) {
      if ('video' in fetched) await storage.remove(key);
      lost.throwIfAborted();
    }
    if ('video' in fetched) return { next: 'settle', task, outcome: { kind: 'succeeded', video: fetched.video } };

    deps.logger.warn({ ...describeTask(task), detail: fetched.detail, tries }, 'a video could not be fetched');
    missing = fetched.kind === 'missing' ? missing + 1 : 0;
    const nowMs = clock.monotonicMs();
    failingSinceMs = fetched.kind === 'ours' ? null : (failingSinceMs ?? nowMs);
    // A server that never gives the file gets as long as a try may take: nothing may keep a task for hours. Our own storage
    // gets as long as the result is there, which has been paid for.
    const isOver = nowMs >= expiresAtMs || (failingSinceMs !== null && nowMs - failingSinceMs >= task.timeoutMs);
    if (fetched.kind === 'hopeless' || missing >= MISSING_ANSWERS_MAX || isOver) return givenUp(task, fetched.detail);
    await clock.sleep(pauseMs(tries, deps.random.fraction()), lost);
    // Some upstreams sign a new URL with every answer.
    const again = await route.polls.ask(task.upstreamId, 0, lost, true);
    if (again.kind === 'succeeded') url = again.videoUrl;
  }
}

/** Doubles with each try, up to half a minute. */
function pauseMs(tries: number, jitter: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(tries - 1, 10)) * (0.75 + jitter / 2);
}

function givenUp(task: RunningTask, detail: string): Step {
  return { next: 'fail', task, failure: { type: 'storage_error', detail }, possibleDuplicate: false };
}

/** Whether an answer speaks of the server's present state rather than of the file. */
function isPassing(status: number): boolean {
  return status >= 500 || [408, 409, 423, 425, 429].includes(status);
}

/** One try, in a slot that its caller took and that is free after it. Never rejects. */
async function fetchOnce(
  { http, storage, downloadSlots }: FetchDeps,
  key: string,
  url: string,
  lost: AbortSignal,
): Promise<{ readonly video: StoredVideo } | FetchFailure> {
  try {
    const response = await http.stream({
      method: 'GET',
      url,
      timeoutMs: FETCH_TIMEOUT_MS,
      maxResponseBytes: MAX_VIDEO_BYTES,
      signal: lost,
    });
    if (response.status !== 200) {
      response.body.destroy();
      const detail = `the result's URL answered ${response.status}`;
      return { kind: isPassing(response.status) ? 'again' : 'missing', detail };
    }
    // Told by reading it: without a listener, an error that comes between two readers would end the process.
    response.body.on('error', () => undefined);
    try {
      await checkSignature(response.body);
      return { video: await storage.put(key, response.body, 'video/mp4', MAX_VIDEO_BYTES) };
    } finally {
      // A file given up in the middle must not keep its connection until the time limit.
      response.body.destroy();
    }
  } catch (error) {
    if (error instanceof HttpFailure && error.kind === 'too_large') return { kind: 'hopeless', detail: error.message };
    if (error instanceof VideoTooLarge) return { kind: 'hopeless', detail: error.message };
    if (error instanceof NotAVideo) return { kind: 'missing', detail: error.message };
    const detail = error instanceof Error ? error.message : String(error);
    return { kind: error instanceof HttpFailure ? 'again' : 'ours', detail };
  } finally {
    downloadSlots.give();
  }
}
