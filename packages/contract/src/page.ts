import { z } from 'zod';

/** One page of a list. `next_cursor` is the `cursor` of the next page. */
export function pageSchema<S extends z.ZodType>(item: S) {
  return z.object({ data: z.array(item), has_more: z.boolean(), next_cursor: z.string().nullable() });
}
