import type { Clock, Logger } from '../../ports.ts';
import type { PollResult, Upstream } from '../../upstreams/index.ts';
import { DueQueue } from './due-queue.ts';
import { OpenQuestions, reasonOf, type Question } from './open-questions.ts';
import { RequestBudget } from './request-budget.ts';
import { RequestsUnderWay } from './requests-under-way.ts';

interface PollQueueOptions {
  readonly upstream: Upstream;
  readonly route: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly requestsPerSecond: number;
}

const IDS_PER_REQUEST = 100;
/** How long a request for many waits for more ids. */
const GATHER_MS = 100;
/** An upstream that asks for patience gets it, but no longer than a poll may be late anyway. */
const LONGEST_REST_MS = 15_000;
const LONGEST_SLEEP_MS = 60_000;
/** How often what waits for its turn is looked through for tasks that are out of time. */
const LAST_LOOK_MS = 1_000;
/** A timer is no more exact than that. */
const TIMER_MS = 1;
/** Made once: the loop is woken for every answer, and an error with its stack costs more than all the rest of that. */
const WOKEN = new Error('there is something to look at');

/**
 * All questions about running generations of one route: one timer for all of them, one request for many where the upstream
 * can, and no more requests a second than the route may be sent.
 */
export class PollQueue {
  readonly #options: PollQueueOptions;
  readonly #budget: RequestBudget;
  readonly #later = new DueQueue<Question>();
  /** Due, each in its order; what is urgent goes first. */
  #ready: Question[] = [];
  #urgent: Question[] = [];
  /** Of tasks that are out of time: nothing but the requests a second holds them up, not even an upstream that wants rest. */
  #last: Question[] = [];
  #lookedForLastMs = -Infinity;
  readonly #open = new OpenQuestions(() => this.#look());
  #running = false;
  #sleepsUntilMs = -Infinity;
  #cut: AbortController | null = null;
  readonly #underWay = new RequestsUnderWay();
  #restUntilMs = -Infinity;
  #gatheredFromMs = -Infinity;

  constructor(options: PollQueueOptions) {
    this.#options = options;
    this.#budget = new RequestBudget(options.requestsPerSecond, options.clock.monotonicMs());
  }

  /** Questions that wait for their time or their turn. */
  get waiting(): number {
    return this.#open.count;
  }

  /** More is due than the route may be sent in a second. */
  get isBehind(): boolean {
    return this.#ready.length > this.#options.requestsPerSecond * this.#idsPerRequest;
  }

  /**
   * Asks after `afterMs`, or sooner when woken; rejects when the lease is lost. `urgent` goes before everything that is
   * merely due. From `lastAtMs` on (monotonic) its task is out of time: it goes first, and once more whatever the upstream
   * asked for, since a route that rests for ever would keep its tasks for ever.
   */
  ask(
    upstreamId: string,
    afterMs: number,
    lost: AbortSignal,
    urgent = false,
    lastAtMs = Infinity,
  ): Promise<PollResult> {
    return new Promise((resolve, reject) => {
      if (lost.aborted) {
        reject(reasonOf(lost));
        return;
      }
      const nowMs = this.#options.clock.monotonicMs();
      const dueMs = nowMs + afterMs;
      const question: Question = { upstreamId, dueMs, lastAtMs, lost, resolve, reject, state: 'later' };
      this.#open.add(question);
      if (urgent && afterMs <= 0) this.#makeReady(question, nowMs >= lastAtMs ? this.#last : this.#urgent);
      else this.#later.add(question);
      if (!this.#running) void this.#run();
      else if (this.#isSoonerThanAwake(dueMs)) this.#look();
    });
  }

  /** Something may have happened to this generation: it is asked for now. */
  wake(upstreamId: string): void {
    const question = this.#open.about(upstreamId);
    if (question?.state !== 'later') return;
    // Its place in the heap stays behind and is passed over when its time comes.
    this.#makeReady(question, this.#urgent);
    this.#look();
  }

  #makeReady(question: Question, list: Question[]): void {
    question.state = 'ready';
    list.push(question);
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#open.count > 0) {
      const nowMs = this.#options.clock.monotonicMs();
      for (let due = this.#later.take(nowMs); due !== null; due = this.#later.take(nowMs)) {
        if (due.state === 'later') this.#makeReady(due, nowMs >= due.lastAtMs ? this.#last : this.#ready);
      }
      if (nowMs - this.#lookedForLastMs >= LAST_LOOK_MS) this.#lookForLast(nowMs);
      const pauseMs = this.#pauseMs(nowMs);
      if (pauseMs > 0) {
        await this.#sleep(nowMs, Math.min(pauseMs, LONGEST_SLEEP_MS));
        continue;
      }
      const questions = this.#next();
      if (questions.length === 0) continue;
      this.#budget.spend();
      this.#gatheredFromMs = nowMs;
      void this.#send(questions);
    }
    this.#later.clear();
    this.#running = false;
  }

  #lookForLast(nowMs: number): void {
    this.#lookedForLastMs = nowMs;
    const isLast = ({ lastAtMs }: Question): boolean => lastAtMs <= nowMs;
    for (const list of [this.#urgent, this.#ready]) {
      if (list.some(isLast)) this.#last.push(...list.filter(isLast));
    }
    this.#urgent = this.#urgent.filter((question) => !isLast(question));
    this.#ready = this.#ready.filter((question) => !isLast(question));
  }

  async #sleep(nowMs: number, ms: number): Promise<void> {
    this.#cut = new AbortController();
    this.#sleepsUntilMs = nowMs + ms;
    try {
      await this.#options.clock.sleep(ms, this.#cut.signal);
    } catch {
      // Cut short: there is something to look at.
    }
    this.#cut = null;
    this.#sleepsUntilMs = -Infinity;
  }

  /** Nothing is missed while the loop does not sleep: it looks at everything before it does, without a pause in between. */
  #look(): void {
    // Nothing can be sent before an answer comes, which looks again.
    if (this.#underWay.isFull(this.#options.clock.monotonicMs())) return;
    this.#cut?.abort(WOKEN);
    this.#cut = null;
  }

  #pauseMs(nowMs: number): number {
    const ready = this.#waitingForTurn;
    if (ready === 0) return this.#later.firstDueMs - nowMs;
    if (this.#underWay.isFull(nowMs)) return LAST_LOOK_MS;
    if (this.#last.length > 0) return this.#budget.waitMs(nowMs);
    const gatherMs = ready < this.#idsPerRequest ? this.#gatheredFromMs + GATHER_MS - nowMs : 0;
    const restMs = Math.min(this.#restUntilMs - nowMs, LAST_LOOK_MS);
    return Math.max(
      restMs,
      this.#budget.waitMs(nowMs),
      this.#idsPerRequest > 1 && this.#urgent.length === 0 ? gatherMs : 0,
    );
  }

  get #waitingForTurn(): number {
    return this.#last.length + this.#urgent.length + this.#ready.length;
  }

  get #idsPerRequest(): number {
    return this.#options.upstream.pollMany === undefined ? 1 : IDS_PER_REQUEST;
  }

  /** Takes what goes with the next request; what was lost meanwhile is left out. */
  #next(): Question[] {
    const questions: Question[] = [];
    for (const list of [this.#last, this.#urgent, this.#ready]) {
      let taken = 0;
      for (; taken < list.length && questions.length < this.#idsPerRequest; taken += 1) {
        const question = list[taken];
        if (question?.state === 'ready') questions.push(question);
      }
      list.splice(0, taken);
    }
    for (const question of questions) this.#open.close(question);
    return questions;
  }

  async #send(questions: readonly Question[]): Promise<void> {
    const { upstream, clock, logger, route } = this.#options;
    const [first] = questions;
    if (first === undefined) return;
    let results: readonly PollResult[] = [];
    let detail = 'the adapter left this task out';
    const request = this.#underWay.begin(clock.monotonicMs());
    try {
      if (upstream.pollMany === undefined) results = [await upstream.poll(first.upstreamId, first.lost)];
      else results = await upstream.pollMany(questions.map(({ upstreamId }) => upstreamId));
    } catch (error) {
      // An adapter that fails must not keep a task from its timeout.
      detail = 'the adapter failed during the poll';
      if (!first.lost.aborted) logger.error({ err: error, route }, 'an adapter failed where it should have answered');
    }
    this.#underWay.end(request);
    const nowMs = clock.monotonicMs();
    for (const [at, question] of questions.entries()) {
      const result = results[at] ?? { kind: 'unavailable', detail };
      if (result.kind === 'unavailable' && result.retryAfterMs !== undefined) {
        this.#restUntilMs = Math.max(this.#restUntilMs, nowMs + Math.min(result.retryAfterMs, LONGEST_REST_MS));
      }
      if (question.lost.aborted) question.reject(reasonOf(question.lost));
      else question.resolve(result);
    }
    if (this.#waitingForTurn > 0 || this.#isSoonerThanAwake(this.#later.firstDueMs)) this.#look();
  }

  /** Cutting a sleep short costs more than the question, so that it is done for what is worth it. */
  #isSoonerThanAwake(dueMs: number): boolean {
    return dueMs < this.#sleepsUntilMs - TIMER_MS;
  }
}
