import type { Dice } from './dice.ts';
import { COMEBACK, CROWD, drawMood, NO_FAULTS, type Mood } from './chaos.ts';

/**
 * `ordinary`: a mixture of all faults. `poisoned`: nothing fails but one account, whose outcomes cannot be settled; the
 * others must not notice. `comeback`: workers stand still past their lease and come back with what they held. `crowd`: many
 * sessions at the same accounts, standing inside their statements with locks in hand.
 */
export type HistoryKind = 'ordinary' | 'poisoned' | 'comeback' | 'crowd';

const POISONED_SHARE = 0.08;
const COMEBACK_SHARE = 0.25;
const CROWD_SHARE = 0.2;

export function drawKind(dice: Dice): HistoryKind {
  const drawn = dice.fraction();
  if (drawn < POISONED_SHARE) return 'poisoned';
  if (drawn < POISONED_SHARE + COMEBACK_SHARE) return 'comeback';
  return drawn < POISONED_SHARE + COMEBACK_SHARE + CROWD_SHARE ? 'crowd' : 'ordinary';
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
  }
}
