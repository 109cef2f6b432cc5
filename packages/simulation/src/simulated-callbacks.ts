/** What an upstream, or somebody who pretends to be it, posts about submissions: early, late, twice, never, or made up. */
import type { CallbackReader } from '../../server/src/generations/index.ts';
import type { Callback } from '../../server/src/upstreams/upstream.ts';
import type { Chaos } from './chaos.ts';
import type { Dice } from './dice.ts';
import type { Scheduler } from './scheduler.ts';

export interface PostedCallback {
  readonly route: string;
  readonly token: string;
  readonly upstreamId: string;
  readonly ended: boolean;
}

export interface CallbackWorld {
  readonly scheduler: Scheduler;
  readonly chaos: Chaos;
  /** Carries one to the API as it runs then. */
  post(callback: PostedCallback): void;
}

/** A generation as far as its upstream posts about it. */
export interface PostedGeneration {
  readonly id: string;
  readonly endsAtMs: number;
}

const LONGEST_DELAY_MS = 3_000;
const LONGEST_FORGERY_DELAY_MS = 12_000;
/** Where the key of a submission ends in its token and its MAC begins, in characters of base64url. */
const KEY_CHARACTERS = 53;

export class SimulatedCallbacks {
  readonly #world: CallbackWorld;
  readonly #dice: Dice;
  #forged = 0;
  /** Tokens that strangers have seen: each has a MAC, of a submission of its own. */
  readonly #tokens: string[] = [];

  constructor(world: CallbackWorld, dice: Dice) {
    this.#world = world;
    this.#dice = dice;
  }

  /** It has begun, and will end; either word may be lost, late or said twice, and come before the submission is answered. */
  about({ id, endsAtMs }: PostedGeneration, route: string, token: string): void {
    const { scheduler } = this.#world;
    if (this.#dice.chance(0.7)) this.#postLater(scheduler.nowMs, { route, token, upstreamId: id, ended: false });
    if (Number.isFinite(endsAtMs) && this.#dice.chance(0.75))
      this.#postLater(endsAtMs, { route, token, upstreamId: id, ended: true });
  }

  /**
   * Somebody makes things up about a submission: to its own address an id that there is not, or to an address put together
   * of its key and another's MAC the id of a stranger's generation, which the upstream knows well.
   */
  forge(route: string, token: string, strangersId: () => string): void {
    const { scheduler, chaos } = this.#world;
    const [other] = this.#tokens.slice(-1);
    if (!this.#tokens.includes(token)) this.#tokens.push(token);
    if (chaos.isCalm) return;
    for (let posts = this.#dice.pick([0, 1, 2]); posts > 0; posts -= 1) {
      const atMs = scheduler.nowMs + this.#dice.integer(0, LONGEST_FORGERY_DELAY_MS);
      const ended = this.#dice.chance(0.5);
      if (other !== undefined && other !== token && this.#dice.chance(0.6)) {
        const address = token.slice(0, KEY_CHARACTERS) + other.slice(KEY_CHARACTERS);
        this.#postAt(atMs, 'somebody posts to an address made up', {
          route,
          token: address,
          upstreamId: strangersId(),
          ended,
        });
      } else {
        this.#forged += 1;
        const upstreamId = `made-up-${this.#forged}`;
        this.#postAt(atMs, 'somebody posts an id made up', { route, token, upstreamId, ended });
      }
    }
  }

  #postLater(fromMs: number, callback: PostedCallback): void {
    const { chaos } = this.#world;
    for (let times = this.#dice.pick([1, 1, 1, 2]); times > 0; times -= 1) {
      const delayMs = this.#dice.chance(0.15) ? chaos.slowMs() : this.#dice.integer(0, LONGEST_DELAY_MS);
      this.#postAt(fromMs + delayMs, `the upstream posts about ${callback.upstreamId}`, callback);
    }
  }

  #postAt(dueMs: number, name: string, callback: PostedCallback): void {
    this.#world.scheduler.add({
      name,
      dueMs,
      perform: () => {
        this.#world.post(callback);
        return callback.ended ? 'it has ended' : 'it runs';
      },
    });
  }
}

export function bodyOf({ upstreamId, ended }: PostedCallback): Uint8Array {
  return Buffer.from(JSON.stringify({ id: upstreamId, ended }));
}

/** As the adapter of this upstream would read it. */
export function parseCallback(body: Uint8Array): Callback {
  const { id, ended } = JSON.parse(Buffer.from(body).toString()) as { id: string; ended: boolean };
  return {
    upstreamId: id,
    result: ended ? { kind: 'succeeded', videoUrl: 'nobody looks at this' } : { kind: 'running', progress: null },
  };
}

export const readCallback: CallbackReader = (body) => {
  const { upstreamId, result } = parseCallback(body);
  return { upstreamId, ended: result.kind !== 'running' };
};
