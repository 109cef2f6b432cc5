import { Flags } from '@oclif/core';
import { usageError } from '../cli-error.ts';
import { isoOf } from '../output/wording.ts';

const DATE = /^\d{4}-\d{2}-\d{2}$/;
const DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/;

/** Milliseconds since 1970 of a day (its start in UTC) or of a moment with its time zone; null for any other text. */
export function parseTime(text: string): number | null {
  if (!DATE.test(text) && !DATE_TIME.test(text)) return null;
  const at = Date.parse(text);
  if (Number.isNaN(at)) return null;
  // Date.parse turns 31 February into a day of March in some forms.
  return DATE.test(text) && new Date(at).toISOString().slice(0, 10) !== text ? null : at;
}

/** A flag that takes a day or a moment, as ISO 8601 in UTC. */
export const timeFlag = Flags.custom({
  helpValue: 'YYYY-MM-DD[Thh:mm:ssZ]',
  parse: async (text) => {
    const at = parseTime(text);
    if (at !== null) return isoOf(at);
    throw usageError(
      `A time is a day, such as 2026-11-01 (its start in UTC), or a moment, such as 2026-11-01T09:30:00Z, not ${JSON.stringify(text)}.`,
    );
  },
});

/** Flags that limit a list by the time at which its objects were created. */
export const createdFlags = {
  since: timeFlag({ summary: 'Show only what was created after this time.' }),
  until: timeFlag({ summary: 'Show only what was created before this time.' }),
} as const;
