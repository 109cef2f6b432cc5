/** The parts that the schemas of requests and answers share. */
import { z } from 'zod';
import { ITEM_LIMITS, countCodePoints } from '../facts/item-limits.ts';

/** A whole number of credits. */
export const credits = z.int().nonnegative();
export const count = z.int().nonnegative();
export const time = z.iso.datetime().meta({ description: 'UTC, ISO 8601.' });

/** A public id: a prefix and base58. */
export function id(prefix: string) {
  return z.string().regex(new RegExp(`^${prefix}_[1-9A-HJ-NP-Za-km-z]+$`));
}

/** Text of `min` to `max` Unicode code points. JSON Schema counts in code points too. */
export function codePoints(min: number, max: number) {
  return z
    .string()
    .refine((text) => {
      const length = countCodePoints(text);
      return length >= min && length <= max;
    }, `must have ${min} to ${max} characters`)
    .meta({ ...(min === 0 ? {} : { minLength: min }), maxLength: max });
}

/** One of a list of words. */
export function words<const Word extends string>(list: readonly [Word, ...Word[]] | readonly Word[]) {
  return z.enum(list as readonly [Word, ...Word[]]);
}

export const requestId = z
  .string()
  .regex(ITEM_LIMITS.requestIdPattern)
  .exactOptional()
  .meta({ description: "The caller's idempotency key. It can be sent in the header Idempotency-Key instead." });

/** SHA-256, base64. */
export const hash = z.string().regex(/^[A-Za-z0-9+/]{43}=$/);
export const checkpoint = z.string().meta({ description: 'A signed note in the format of c2sp.org/tlog-checkpoint.' });
