import { Dice } from './dice.ts';
import { COMEBACK, CROWD, drawMood, NO_FAULTS, type Mood } from './chaos.ts';

/**
 * `ordinary`: a mixture of all faults. `poisoned`: nothing fails but one account, whose outcomes cannot be settled; the
 * others must not notice. `comeback`: workers stand still past their lease and come back with what they held. `crowd`: many
 * sessions at the same accounts, standing inside their statements with locks in hand. `clash`: duels of
 * two statements, one of which stands still inside while the other wants what it holds.
 */
export type HistoryKind = 'ordinary' | 'poisoned' | 'comeback' | 'crowd' | 'clash';

const SHARES: readonly (readonly [HistoryKind, number])[] = [
  ['poisoned', 0.08],
  ['comeback', 0.25],
  ['crowd', 0.07],
  ['clash', 0.2],
];

/** What the history of a seed is. */
export function kindOf(seed: number): HistoryKind {
  return drawKind(new Dice(`history ${seed}`));
}

export function drawKind(dice: Dice): HistoryKind {
  let left = dice.fraction();
  for (const [kind, share] of SHARES) {
    if (left < share) return kind;
    left -= share;
  }
  return 'ordinary';
}

export function moodOf(kind: HistoryKind, dice: Dice): Mood {
  switch (kind) {
    case 'ordinary':
      return drawMood(dice);
    case 'poisoned':
      return { ...NO_FAULTS, generationFails: 0.2, pause: 0.05 };
    case 'comeback':
      return COMEBACK;
    case 'crowd':
      return CROWD;
    case 'clash':
      return NO_FAULTS;
  }
}

/** Least and most tasks of a history. */
export const TASKS: Readonly<Record<HistoryKind, readonly [number, number]>> = {
  ordinary: [10, 24],
  poisoned: [10, 24],
  comeback: [10, 24],
  crowd: [24, 40],
  clash: [60, 90],
};
/** When the last order comes at the latest, in milliseconds after the beginning. */
export const LATEST_ORDER_MS: Readonly<Record<HistoryKind, number>> = {
  ordinary: 12_000,
  poisoned: 12_000,
  comeback: 12_000,
  crowd: 4_000,
  clash: 400,
};
