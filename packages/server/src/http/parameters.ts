import { z } from 'zod';
import { PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX } from './limits.ts';

/** A whole number in a query string: digits only, so that neither `1e2` nor ` 5` nor an empty value passes. */
export function integerParameter(minimum: number, maximum: number, description: string) {
  return z
    .string()
    .regex(/^\d{1,16}$/, { error: `a whole number from ${minimum} to ${maximum} is needed` })
    .transform(Number)
    .refine((value) => value >= minimum && value <= maximum, {
      error: `a whole number from ${minimum} to ${maximum} is needed`,
    })
    .meta({ description, override: { type: 'integer', minimum, maximum } });
}

export const limitParameter = integerParameter(
  1,
  PAGE_LIMIT_MAX,
  `Number of objects in a page; the default is ${PAGE_LIMIT_DEFAULT}.`,
).default(PAGE_LIMIT_DEFAULT);

export const cursorParameter = z
  .string()
  .max(512)
  .meta({ description: 'The `next_cursor` of the previous page.' })
  .exactOptional();

const timeText = z.iso.datetime({ offset: true, error: 'a time like 2026-11-20T09:30:00Z is needed' });

/** RFC 3339 time with a zone, as text: with the microseconds that ledger entries have. */
export const exactTimeParameter = timeText
  .max(40)
  .refine((text) => !Number.isNaN(Date.parse(text)), { error: 'a time like 2026-11-20T09:30:00Z is needed' });

/** RFC 3339 time with a zone. */
export const timeParameter = timeText
  .transform((text) => new Date(text))
  .refine((time) => !Number.isNaN(time.getTime()), { error: 'a time like 2026-11-20T09:30:00Z is needed' });

export const trueOrFalse = z
  .enum(['true', 'false'])
  .transform((text) => text === 'true')
  .meta({ override: { type: 'boolean' } });

export const orderParameter = z
  .enum(['asc', 'desc'])
  .default('desc')
  .meta({ description: '`desc` (the default): newest first. `asc`: oldest first.' });
