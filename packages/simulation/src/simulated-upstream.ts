/** A video API in memory, with every fault that one over a network can have, and a list of all that it ever started. */
import type { Generation, LookUpResult, PollResult, SubmitResult, Upstream } from '../../server/src/upstreams/index.ts';
import type { UpstreamFailure } from '../../server/src/upstreams/upstream.ts';
import type { Dice } from './dice.ts';
import type { SimulatedProcess } from './process.ts';
import { parseCallback, SimulatedCallbacks, type CallbackWorld } from './simulated-callbacks.ts';
import type { Outcome } from './sessions.ts';
import { RESULT_LIFETIME_MS, SimulatedVideos } from './simulated-videos.ts';
import { shown } from './trace.ts';

type Fate = 'succeeds' | 'fails' | 'moderated' | 'vanishes' | 'never ends';

/** One line of the audit list. */
export interface StartedGeneration {
  readonly id: string;
  /** Names task and attempt: `batch/index/attempt`. */
  readonly token: string;
  readonly prompt: string;
  readonly route: string;
  readonly startedAtMs: number;
  readonly endsAtMs: number;
  readonly fate: Fate;
  /** A poll was answered that it had ended without a video. */
  toldOfFailure: boolean;
}

export interface UpstreamWorld extends CallbackWorld {
  readonly settings: {
    readonly longestGenerationMs: number;
    readonly resultsKnownForMs: number;
    readonly roundMs: number;
    readonly callsBack: readonly string[];
    readonly looksUp: readonly string[];
  };
  /** Which attempt of which task a token names. */
  attemptNamed(route: string, token: string): string;
}

/** How long an adapter waits for an answer before it calls the outcome unknown. */
const ANSWER_TIMEOUT_MS = 30_000;

export class SimulatedProvider {
  readonly audit: StartedGeneration[] = [];
  readonly videos: SimulatedVideos;
  readonly #byId = new Map<string, StartedGeneration>();
  readonly #byToken = new Map<string, StartedGeneration>();
  /** Said not to have been started: they never will be, however late they arrive. */
  readonly #neverToStart = new Set<string>();
  readonly #world: UpstreamWorld;
  readonly #dice: Dice;
  readonly #callbacks: SimulatedCallbacks;
  #strangers = 0;

  constructor(world: UpstreamWorld) {
    this.#world = world;
    this.#dice = world.scheduler.dice.fork('provider');
    this.videos = new SimulatedVideos(world, this.#dice, (id) => this.find(id));
    this.#callbacks = new SimulatedCallbacks(world, world.scheduler.dice.fork('callbacks'));
  }

  find(id: string): StartedGeneration | null {
    return this.#byId.get(id) ?? null;
  }

  #start({ token, prompt, callbackUrl }: Generation, route: string): StartedGeneration {
    const { scheduler } = this.#world;
    const { longestGenerationMs, roundMs } = this.#world.settings;
    const roundedUp = (ms: number): number => Math.ceil(ms / roundMs) * roundMs;
    const fate = this.#fate();
    const started: StartedGeneration = {
      id: `gen-${this.audit.length + 1}`,
      token: this.#world.attemptNamed(route, token),
      prompt,
      route,
      startedAtMs: scheduler.nowMs,
      endsAtMs:
        fate === 'never ends' ? Infinity : roundedUp(scheduler.nowMs + this.#dice.integer(200, longestGenerationMs)),
      fate,
      toldOfFailure: false,
    };
    this.audit.push(started);
    this.#byId.set(started.id, started);
    this.#byToken.set(token, started);
    if (callbackUrl !== undefined) this.#callbacks.about(started, route, token);
    return started;
  }

  /** Somebody else's generation: it exists, and serves no task of ours. */
  #startForStranger(route: string): string {
    this.#strangers += 1;
    const id = `stranger-${this.#strangers}`;
    const { nowMs } = this.#world.scheduler;
    this.#byId.set(id, {
      id,
      token: id,
      prompt: 'something else',
      route,
      startedAtMs: nowMs,
      endsAtMs: nowMs + this.#dice.integer(0, this.#world.settings.longestGenerationMs),
      fate: 'succeeds',
      toldOfFailure: false,
    });
    return id;
  }

  #fate(): Fate {
    if (!this.#world.chaos.chance('generationFails')) return 'succeeds';
    return this.#dice.pick(['fails', 'fails', 'fails', 'moderated', 'moderated', 'vanishes', 'never ends']);
  }

  /** The adapter of one process to one route of this provider. */
  adapter(process: SimulatedProcess, route: string): Upstream {
    const { settings } = this.#world;
    const canLookUp = settings.looksUp.includes(route);
    const callsBack = settings.callsBack.includes(route);
    const unknown = (detail: string): Outcome<SubmitResult> => ({ ok: true, value: { kind: 'unknown', detail } });
    const brokenAdapter = { ok: false, error: new Error('a bug of the adapter (simulated)') } as const;
    return {
      name: route,
      resultLifetimeMs: RESULT_LIFETIME_MS,
      submit: (generation) =>
        process.call<SubmitResult>({
          channel: 'upstream',
          name: `submit ${route} ${this.#world.attemptNamed(route, generation.token)}`,
          lost: () => unknown('the connection was reset'),
          act: async (end) => {
            const { said, outcome, delayMs } = this.#submit(generation, route);
            await end(outcome, delayMs);
            return said;
          },
        }),
      poll: (upstreamId) =>
        process.call<PollResult>({
          channel: 'upstream',
          name: `poll ${upstreamId}`,
          lost: () => ({ ok: true, value: { kind: 'unavailable', detail: 'the connection was reset' } }),
          act: async (end) => {
            const result = this.#poll(upstreamId);
            await end(result === null ? brokenAdapter : { ok: true, value: result });
            return shown(result);
          },
        }),
      ...(callsBack ? { parseCallback } : {}),
      ...(canLookUp ? this.#asked(process, route) : {}),
    };
  }

  /** One request for many ids, and the search for a submission by its token. */
  #asked(process: SimulatedProcess, route: string): Required<Pick<Upstream, 'pollMany' | 'lookUp'>> {
    return {
      pollMany: (upstreamIds) =>
        process.call<readonly PollResult[]>({
          channel: 'upstream',
          name: `poll ${upstreamIds.join(' ')}`,
          lost: () => ({ ok: true, value: [] }),
          act: async (end) => {
            const results = upstreamIds.map((id) => this.#poll(id));
            const known = results.filter((result) => result !== null);
            await end(
              known.length < results.length
                ? { ok: false, error: new Error('a bug of the adapter (simulated)') }
                : { ok: true, value: known },
            );
            return shown(results);
          },
        }),
      lookUp: (token) =>
        process.call<LookUpResult>({
          channel: 'upstream',
          name: `look-up ${this.#world.attemptNamed(route, token)}`,
          lost: () => ({ ok: true, value: { kind: 'cannot_tell', detail: 'the connection was reset' } }),
          act: async (end) => {
            const result = this.#lookUp(token);
            await end({ ok: true, value: result });
            return shown(result);
          },
        }),
    };
  }

  #lookUp(token: string): LookUpResult {
    if (this.#world.chaos.chance('upstreamFails')) {
      return this.#dice.pick<LookUpResult>([
        { kind: 'cannot_tell', detail: 'simulated' },
        { kind: 'cannot_tell', detail: 'simulated', retryAfterMs: this.#dice.integer(0, 5_000) },
      ]);
    }
    const started = this.#byToken.get(token);
    if (started !== undefined) return { kind: 'found', upstreamId: started.id };
    if (this.#dice.chance(0.5)) return { kind: 'cannot_tell', detail: 'it may be on its way' };
    this.#neverToStart.add(token);
    return { kind: 'not_started' };
  }

  #submit(
    generation: Generation,
    route: string,
  ): { readonly said: string; readonly outcome: Outcome<SubmitResult>; readonly delayMs?: number } {
    const { chaos, scheduler } = this.#world;
    const unknown: Outcome<SubmitResult> = { ok: true, value: { kind: 'unknown', detail: 'no answer in time' } };
    if (generation.callbackUrl !== undefined)
      this.#callbacks.forge(route, generation.token, () => this.#startForStranger(route));
    // Its word on a look-up binds it, whoever sends this and however late.
    if (this.#neverToStart.has(generation.token)) {
      const failure: UpstreamFailure = { type: 'provider_error', detail: 'said not to have been started (simulated)' };
      return { said: 'does not start it', outcome: { ok: true, value: { kind: 'refused', failure } } };
    }
    if (chaos.chance('upstreamSilent')) {
      const silence = this.#dice.pick([
        'never arrives',
        'answer lost',
        'arrives late',
        'answers late',
        'answers late',
        'adapter throws',
      ]);
      switch (silence) {
        case 'never arrives':
          return { said: 'never arrives', outcome: unknown, delayMs: ANSWER_TIMEOUT_MS };
        case 'answer lost':
          return {
            said: `starts ${this.#start(generation, route).id} in silence`,
            outcome: unknown,
            delayMs: ANSWER_TIMEOUT_MS,
          };
        case 'arrives late':
          scheduler.add({
            name: `provider receives ${this.#world.attemptNamed(route, generation.token)} late`,
            dueMs: scheduler.nowMs + chaos.slowMs(),
            perform: () =>
              this.#neverToStart.has(generation.token)
                ? 'does not start it'
                : `starts ${this.#start(generation, route).id} in silence`,
          });
          return { said: 'is under way', outcome: unknown, delayMs: ANSWER_TIMEOUT_MS };
        case 'answers late': {
          const { id } = this.#start(generation, route);
          const outcome: Outcome<SubmitResult> = { ok: true, value: { kind: 'accepted', upstreamId: id } };
          return { said: `starts ${id}, answers late`, outcome, delayMs: chaos.slowMs() };
        }
        case 'adapter throws':
          return {
            said: `starts ${this.#start(generation, route).id}, the adapter fails`,
            outcome: { ok: false, error: new Error('a bug of the adapter (simulated)') },
          };
      }
    }
    if (chaos.chance('upstreamFails')) {
      const failure = this.#refusal();
      return { said: `refuses: ${failure.type}`, outcome: { ok: true, value: { kind: 'refused', failure } } };
    }
    const { id } = this.#start(generation, route);
    return { said: `starts ${id}`, outcome: { ok: true, value: { kind: 'accepted', upstreamId: id } } };
  }

  #refusal(): UpstreamFailure {
    const detail = 'simulated';
    const retryAfterMs = this.#dice.integer(0, 20_000);
    return this.#dice.pick<UpstreamFailure>([
      { type: 'provider_unavailable', detail },
      { type: 'provider_unavailable', detail, retryAfterMs },
      { type: 'provider_rate_limited', detail },
      { type: 'provider_rate_limited', detail, retryAfterMs },
      { type: 'provider_error', detail },
      { type: 'moderation_input', detail },
      { type: 'invalid_request', detail },
    ]);
  }

  /** Null: the adapter throws. */
  #poll(id: string): PollResult | null {
    const { chaos, scheduler } = this.#world;
    const generation = this.#byId.get(id);
    if (generation !== undefined && chaos.chance('upstreamFails')) {
      return this.#dice.pick<PollResult | null>([
        null,
        { kind: 'unavailable', detail: 'simulated' },
        { kind: 'unavailable', detail: 'simulated', retryAfterMs: this.#dice.integer(0, 30_000) },
        { kind: 'running', progress: 0 },
      ]);
    }
    if (generation === undefined) return { kind: 'gone', detail: 'no such id' };
    const { longestGenerationMs, resultsKnownForMs } = this.#world.settings;
    const progress = Math.floor((100 * (scheduler.nowMs - generation.startedAtMs)) / longestGenerationMs);
    if (scheduler.nowMs < generation.endsAtMs) return { kind: 'running', progress: Math.min(99, progress) };
    if (generation.fate === 'succeeds' && scheduler.nowMs < generation.endsAtMs + resultsKnownForMs)
      return { kind: 'succeeded', videoUrl: `simulated://${id}/${scheduler.nowMs}` };
    generation.toldOfFailure = true;
    if (generation.fate === 'vanishes' || generation.fate === 'succeeds') return { kind: 'gone', detail: 'expired' };
    const type = generation.fate === 'moderated' ? 'moderation_output' : 'provider_error';
    return { kind: 'failed', failure: { type, detail: 'simulated' } };
  }
}
