import { createHash } from 'node:crypto';
import type { Directives } from './directives.ts';

/** How a generation ends. `never` means that it does not. */
export type Outcome = 'succeeded' | 'error' | 'input_moderation' | 'output_moderation' | 'never';

export interface Fate {
  readonly outcome: Outcome;
  readonly latencyMs: number;
  /** The result's URL answers 404. */
  readonly expired: boolean;
  /** The submission is recorded and then gets no answer. */
  readonly dropped: boolean;
}

export interface FateSettings {
  readonly seed: string;
  /** Shortest and longest time to a result. */
  readonly latencyMs: readonly [number, number];
  /** 0 to 1, per generation. */
  readonly failureRate: number;
}

/**
 * Everything that will happen to a generation, from the seed, its prompt and how-manieth generation of that prompt it
 * is (from 1): the order in which other prompts arrive changes nothing. The random failure applies only where no
 * directive made the outcome certain.
 */
export function decideFate(settings: FateSettings, promptKey: string, nth: number, directives: Directives): Fate {
  const draw = createHash('sha256')
    .update(JSON.stringify([settings.seed, promptKey, nth]))
    .digest();
  const latencyDraw = draw.readUInt32BE(0) / 2 ** 32;
  const failureDraw = draw.readUInt32BE(4) / 2 ** 32;
  const [shortest, longest] = settings.latencyMs;
  return {
    outcome: directedOutcome(directives, nth) ?? (failureDraw < settings.failureRate ? 'error' : 'succeeded'),
    latencyMs: directives.delayMs ?? Math.round(shortest + latencyDraw * (longest - shortest)),
    expired: directives.expire,
    dropped: directives.drop && nth === 1,
  };
}

function directedOutcome(directives: Directives, nth: number): Outcome | null {
  if (directives.neverFinish) return 'never';
  if (directives.moderateInput) return 'input_moderation';
  if (directives.moderateOutput) return 'output_moderation';
  if (directives.fail) return 'error';
  if (directives.failOnce) return nth === 1 ? 'error' : 'succeeded';
  return directives.drop || directives.expire ? 'succeeded' : null;
}
