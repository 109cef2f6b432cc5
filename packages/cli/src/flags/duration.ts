import { Flags } from '@oclif/core';
import { usageError } from '../cli-error.ts';

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 };
/** Timers hold their delay in 32 bits. */
const DURATION_MAX_MS = 2 ** 31 - 1;

/** A flag such as `90s`, `30m` or `2h`, as milliseconds. */
export const durationFlag = Flags.custom<number>({
  helpValue: '90s|30m|2h',
  parse: async (text) => {
    const read = /^(\d{1,9})([smh])$/.exec(text);
    const ms = read === null ? 0 : Number(read[1]) * (UNIT_MS[read[2] ?? ''] ?? 0);
    if (ms > 0 && ms <= DURATION_MAX_MS) return ms;
    throw usageError(`A duration looks like 90s, 30m or 2h and is at most 24 days, not ${JSON.stringify(text)}.`);
  },
});
