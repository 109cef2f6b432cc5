const CONCURRENT_REQUESTS = 64;
/**
 * A request in the air for so long gives up its place, or generations that the upstream is silent about would hold up the
 * questions about all others until the adapter gives up.
 */
const SLOW_MS = 2_000;
const CONCURRENT_REQUESTS_WITH_SLOW = 512;

interface Request {
  readonly sentMs: number;
}

/** The requests of one route that have no answer yet. Times are those of `Clock.monotonicMs`. */
export class RequestsUnderWay {
  /** The oldest first. */
  readonly #requests = new Set<Request>();

  /** Give what it returns to `end` when the answer has come. */
  begin(nowMs: number): Request {
    const request = { sentMs: nowMs };
    this.#requests.add(request);
    return request;
  }

  end(request: Request): void {
    this.#requests.delete(request);
  }

  /** No more may be sent before an answer has come, or one of the requests is slow. */
  isFull(nowMs: number): boolean {
    let inTime = this.#requests.size;
    if (inTime < CONCURRENT_REQUESTS) return false;
    if (inTime >= CONCURRENT_REQUESTS_WITH_SLOW) return true;
    for (const { sentMs } of this.#requests) {
      if (nowMs - sentMs < SLOW_MS) break;
      inTime -= 1;
    }
    return inTime >= CONCURRENT_REQUESTS;
  }
}
