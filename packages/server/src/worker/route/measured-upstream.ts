import type { Clock, Counter, Histogram, Metrics } from '../../ports.ts';
import type { Generation, LookUpResult, PollResult, SubmitResult, Upstream } from '../../upstreams/index.ts';

const CALL_BUCKETS_S = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** As the label `call` names them. */
type Call = 'submit' | 'poll' | 'poll_many' | 'look_up';

/**
 * An upstream whose calls are counted and timed, by what they came to. It has the optional methods that the adapter has;
 * the adapter may be an instance of a class.
 */
export function measured(upstream: Upstream, route: string, metrics: Metrics, clock: Clock): Upstream {
  return new MeasuredUpstream(upstream, route, metrics, clock);
}

class MeasuredUpstream implements Upstream {
  readonly name: string;
  readonly resultLifetimeMs: number;
  readonly pollMany?: NonNullable<Upstream['pollMany']>;
  readonly lookUp?: NonNullable<Upstream['lookUp']>;
  readonly parseCallback?: NonNullable<Upstream['parseCallback']>;
  readonly #upstream: Upstream;
  readonly #route: string;
  readonly #clock: Clock;
  readonly #calls: Counter<'route' | 'call' | 'result'>;
  readonly #seconds: Histogram<'route' | 'call'>;

  constructor(upstream: Upstream, route: string, metrics: Metrics, clock: Clock) {
    this.name = upstream.name;
    this.resultLifetimeMs = upstream.resultLifetimeMs;
    this.#upstream = upstream;
    this.#route = route;
    this.#clock = clock;
    this.#calls = metrics.counter({
      name: 'rushes_upstream_calls_total',
      help: 'Calls to upstreams by result; for a refused submission the result is the type of the failure.',
      labels: ['route', 'call', 'result'],
    });
    this.#seconds = metrics.histogram(
      { name: 'rushes_upstream_call_seconds', help: 'How long upstreams took to answer.', labels: ['route', 'call'] },
      CALL_BUCKETS_S,
    );
    if (upstream.pollMany !== undefined) this.pollMany = (ids, signal) => this.#pollMany(ids, signal);
    if (upstream.lookUp !== undefined) this.lookUp = (token, signal) => this.#lookUp(token, signal);
    if (upstream.parseCallback !== undefined) this.parseCallback = (body) => upstream.parseCallback?.(body) ?? null;
  }

  async submit(generation: Generation, signal?: AbortSignal): Promise<SubmitResult> {
    const startedMs = this.#clock.monotonicMs();
    const result = await this.#upstream.submit(generation, signal);
    this.#count('submit', startedMs, result.kind === 'refused' ? result.failure.type : result.kind);
    return result;
  }

  async poll(upstreamId: string, signal?: AbortSignal): Promise<PollResult> {
    const startedMs = this.#clock.monotonicMs();
    const result = await this.#upstream.poll(upstreamId, signal);
    this.#count('poll', startedMs, result.kind);
    return result;
  }

  /** One request for many: `unavailable` when it told of none of them. */
  async #pollMany(ids: readonly string[], signal?: AbortSignal): Promise<readonly PollResult[]> {
    const startedMs = this.#clock.monotonicMs();
    const results = (await this.#upstream.pollMany?.(ids, signal)) ?? [];
    const isAnswered = results.some(({ kind }) => kind !== 'unavailable');
    this.#count('poll_many', startedMs, isAnswered ? 'answered' : 'unavailable');
    return results;
  }

  async #lookUp(token: string, signal?: AbortSignal): Promise<LookUpResult> {
    const startedMs = this.#clock.monotonicMs();
    const found = await this.#upstream.lookUp?.(token, signal);
    const result: LookUpResult = found ?? { kind: 'cannot_tell', detail: 'the adapter has no look-up' };
    this.#count('look_up', startedMs, result.kind);
    return result;
  }

  #count(call: Call, startedMs: number, result: string): void {
    this.#calls.add({ route: this.#route, call, result });
    this.#seconds.observe({ route: this.#route, call }, (this.#clock.monotonicMs() - startedMs) / 1_000);
  }
}
