/** What the wire schemas are made of. */
import { z } from 'zod';
import { ITEM_LIMITS } from './facts/item-limits.ts';

/** Compiles only when the schema accepts and produces exactly `T`. */
export function shape<T>() {
  return <S extends z.ZodType<T>>(schema: [T] extends [z.output<S>] ? S : never): S => schema;
}

export const credits = z.int().nonnegative();
export const time = z.iso.datetime().meta({ description: 'UTC, ISO 8601' });
export const id = (prefix: string) => z.string().regex(new RegExp(`^${prefix}_[1-9A-HJ-NP-Za-km-z]+$`));

export const requestId = z.string().regex(ITEM_LIMITS.requestIdPattern).exactOptional();

const resolution = z.enum(['refund', 'forfeit']);

export const termsSchema = z
  .object({ moderation_input: resolution, moderation_output: resolution, canceled: resolution })
  .meta({ id: 'Terms' });
