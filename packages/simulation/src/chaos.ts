/** Which faults a history has, how often, and which of them strikes a step. */
import type { Dice } from './dice.ts';

/** What a call goes to. */
export type Channel = 'database' | 'upstream' | 'storage';

/** Probabilities per call; every history draws its own, and leaves some of them out altogether. */
export interface Mood {
  readonly crash: number;
  readonly stop: number;
  /** The call never arrives. */
  readonly requestLost: number;
  /** It did what it was to do, and the answer never arrives. */
  readonly answerLost: number;
  /** The call is under way for long, or its answer is. */
  readonly slow: number;
  /** A statement stops at a point inside. */
  readonly pause: number;
  /** With it stops the worker whose statement it is, and it stands for about as long as a lease. */
  readonly outlast: number;
  readonly clockJump: number;
  /** Of submissions and polls. */
  readonly upstreamFails: number;
  readonly upstreamSilent: number;
  readonly generationFails: number;
  readonly storageFails: number;
}

const HARSHEST: Mood = {
  crash: 0.05,
  stop: 0.03,
  requestLost: 0.03,
  answerLost: 0.05,
  slow: 0.03,
  pause: 0.1,
  outlast: 0.05,
  clockJump: 1,
  upstreamFails: 0.3,
  upstreamSilent: 0.4,
  generationFails: 0.4,
  storageFails: 0.3,
};

/** Leaving faults out lets the others go further than they come when everything fails at once. */
export function drawMood(dice: Dice): Mood {
  const names = Object.keys(HARSHEST) as (keyof Mood)[];
  const drawn = names.map((name) => [name, dice.chance(0.35) ? 0 : HARSHEST[name] * dice.fraction()] as const);
  return Object.fromEntries(drawn) as unknown as Mood;
}

/**
 * Workers are stopped past their lease while they hold an intent, an upstream's answer or an outcome, and come back with it.
 * The upstream answers late and fails often, so that whoever took their tasks over has sent them again by then.
 */
export const COMEBACK: Mood = {
  crash: 0,
  stop: 0.06,
  requestLost: 0,
  answerLost: 0,
  slow: 0.02,
  pause: 0.1,
  outlast: 0,
  clockJump: 0,
  upstreamFails: 0.15,
  upstreamSilent: 0.35,
  generationFails: 0.5,
  storageFails: 0,
};

/** Many sessions at the same rows, each of them likely to stand inside its statement with locks in hand. */
export const CROWD: Mood = {
  crash: 0,
  stop: 0,
  requestLost: 0,
  answerLost: 0,
  slow: 0,
  pause: 0.25,
  outlast: 0.04,
  clockJump: 0,
  upstreamFails: 0.1,
  upstreamSilent: 0.1,
  generationFails: 0.3,
  storageFails: 0,
};

export const NO_FAULTS: Mood = {
  crash: 0,
  stop: 0,
  requestLost: 0,
  answerLost: 0,
  slow: 0,
  pause: 0,
  outlast: 0,
  clockJump: 0,
  upstreamFails: 0,
  upstreamSilent: 0,
  generationFails: 0,
  storageFails: 0,
};

/** What strikes one call, before it acts and after. */
export interface Strike {
  readonly before: 'crash' | 'stop' | 'lost' | null;
  readonly after: 'crash' | 'stop' | 'lost' | 'slow' | null;
}

const NONE: Strike = { before: null, after: null };

/** Where money or a paid generation is at stake, faults come more often. */
const DELICATE =
  /^(begin_attempts|record_submissions|settle_tasks|requeue_tasks|take_over_leases|claim_tasks|close_batch|submit|COMMIT)/;
const DELICATE_FACTOR = 2.5;
/** Of those, the ones that idle workers never make: they would find the crashes of a history used up. */
const RARE = /^(begin_attempts|record_submissions|settle_tasks|requeue_tasks|submit)/;
const RARE_FACTOR = 6;
const RAREST = /^requeue_tasks/;
const RAREST_FACTOR = 15;
/** Where something else may wait for what a statement holds; what else stands still only keeps the next from doing so. */
const HOLDS_LOCKS =
  /^(begin_attempts|record_submissions|mark_unknown|settle_tasks|requeue_tasks|close_batch|pause_batch|resume_batch|start_batches|freeze_)/;
const HOLDS_LOCKS_FACTOR = 3;
/** Most of these find nothing, and then come to an end before the point at which they would stop. */
const LOOKS_FOR_WORK = /^(claim_tasks|take_over_leases)/;
const LOOKS_FOR_WORK_FACTOR = 0.5;
const HOLDS_NOTHING_FACTOR = 0.1;
const IDLE = /^(claim_tasks|take_over_leases|poll)/;
const IDLE_FACTOR = 0.6;
/** So many crashes and stops at most in one history: each costs a lease's time. */
const MOST_CRASHES = 6;
const MOST_STOPS = 8;

function factorOf(name: string): number {
  if (RAREST.test(name)) return RAREST_FACTOR;
  if (RARE.test(name)) return RARE_FACTOR;
  if (IDLE.test(name)) return IDLE_FACTOR;
  return DELICATE.test(name) ? DELICATE_FACTOR : 1;
}

export class Chaos {
  readonly #dice: Dice;
  readonly #mood: Mood;
  /** How often each fault struck at each named point: shows what a run has covered. */
  readonly struck = new Map<string, number>();
  #crashes = 0;
  #stops = 0;
  #isCalm = false;

  constructor(dice: Dice, mood: Mood) {
    this.#dice = dice;
    this.#mood = mood;
  }

  get mood(): Mood {
    return this.#isCalm ? NO_FAULTS : this.#mood;
  }

  get isCalm(): boolean {
    return this.#isCalm;
  }

  /** From now on nothing fails any more. */
  calm(): void {
    this.#isCalm = true;
  }

  /** What strikes a call of a process; only some processes can crash or stop. */
  strike(name: string, channel: Channel, isMortal: boolean): Strike {
    if (this.#isCalm) return NONE;
    const factor = factorOf(name);
    const drawn = this.#draw(channel, isMortal, factor);
    const isBefore = this.#dice.chance(0.5);
    if (drawn === null || (drawn === 'slow' && isBefore)) return NONE;
    if (drawn === 'crash') this.#crashes += 1;
    if (drawn === 'stop') this.#stops += 1;
    this.count(`${drawn} ${isBefore ? 'before' : 'after'} ${name.split(' ')[0] ?? name}`);
    return isBefore && drawn !== 'slow' ? { before: drawn, after: null } : { before: null, after: drawn };
  }

  #draw(channel: Channel, isMortal: boolean, factor: number): Strike['after'] {
    const { crash, stop, requestLost, answerLost, slow } = this.#mood;
    if (isMortal && this.#crashes < MOST_CRASHES && this.#dice.chance(crash * factor)) return 'crash';
    if (isMortal && this.#stops < MOST_STOPS && this.#dice.chance(stop * factor)) return 'stop';
    const lost = channel === 'database' ? requestLost + answerLost : 0;
    if (this.#dice.chance(lost * factor)) return 'lost';
    return this.#dice.chance(slow * factor) ? 'slow' : null;
  }

  count(fault: string): void {
    this.struck.set(fault, (this.struck.get(fault) ?? 0) + 1);
  }

  /** How long a call is under way before it acts. */
  latencyMs(): number {
    if (this.#isCalm) return 1;
    return this.#dice.chance(this.#mood.slow) ? this.slowMs() : this.#dice.integer(0, 4);
  }

  /** From a hiccup to far past a lease. */
  slowMs(): number {
    return Math.floor(20 * 5_000 ** this.#dice.fraction());
  }

  /** Where inside itself a statement stops, or null: most often at one of its first locks. */
  pausePoint(name: string): number | null {
    const looks = LOOKS_FOR_WORK.test(name);
    const factor = looks ? LOOKS_FOR_WORK_FACTOR : HOLDS_LOCKS.test(name) ? HOLDS_LOCKS_FACTOR : HOLDS_NOTHING_FACTOR;
    if (this.#isCalm || !this.#dice.chance(this.#mood.pause * factor)) return null;
    const drawn = this.#dice.fraction();
    if (looks || drawn < 0.4) return this.#dice.integer(2, 9);
    return drawn < 0.7 ? 2 : drawn < 0.85 ? 1 : 3;
  }

  /** Where a statement stops with its worker for so long that its lease runs out, or null. */
  outlastPoint(name: string, isMortal: boolean): number | null {
    if (this.#isCalm || !isMortal || !HOLDS_LOCKS.test(name) || this.#stops >= MOST_STOPS) return null;
    if (!this.#dice.chance(this.#mood.outlast)) return null;
    this.#stops += 1;
    return this.#dice.integer(1, 12);
  }

  /** For long only where calls are slow too: whatever waits for its locks keeps everything else of the history waiting. */
  pauseMs(): number {
    return this.#mood.slow === 0 || this.#dice.chance(0.8) ? this.#dice.integer(0, 800) : this.slowMs();
  }

  chance(fault: keyof Mood): boolean {
    return !this.#isCalm && this.#dice.chance(this.#mood[fault]);
  }
}
