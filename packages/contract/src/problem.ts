import { z } from 'zod';
import { ERROR_CODES, ITEM_ERROR_CODES, type ErrorCode } from './facts/error-codes.ts';
import { count, credits, words } from './parts/schema-parts.ts';

export const itemErrorSchema = z
  .object({
    index: z.int().nullable().meta({
      description: 'Position of the item, from 0; null when the error does not belong to one item.',
    }),
    line: z.int().exactOptional().meta({ description: 'Line of the CSV or NDJSON body, from 1.' }),
    custom_id: z.string().nullable(),
    param: z.string().nullable(),
    code: words(ITEM_ERROR_CODES),
    detail: z.string(),
  })
  .meta({ id: 'ItemError' });

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: words(Object.keys(ERROR_CODES) as ErrorCode[]),
    trace_id: z.string(),
    param: z.string().exactOptional(),
    errors: z.array(itemErrorSchema).exactOptional(),
    error_count: count.exactOptional().meta({
      description: 'With invalid_items: the number of all errors. `errors` describes at most 100 of them.',
    }),
    required: credits
      .exactOptional()
      .meta({ description: 'With 402 insufficient_credits: the credits that the request needs.' }),
    available: credits.exactOptional(),
    shortfall: credits.exactOptional(),
  })
  .meta({ id: 'Problem', description: 'What went wrong: a problem document of RFC 9457.' });
