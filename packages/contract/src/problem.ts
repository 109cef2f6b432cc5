import { z } from 'zod';
import { ERROR_CODES, ITEM_ERROR_CODES, type ErrorCode } from './facts/error-codes.ts';
import { count, credits, words } from './parts/schema-parts.ts';

export const itemErrorSchema = z
  .object({
    index: z.int().nullable().meta({
      description: "Position of the item, from 0; null when the error is not one item's.",
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
      description: 'With invalid_items: how many errors there are in all, of which `errors` names up to 100.',
    }),
    required: credits.exactOptional().meta({ description: 'With 402 insufficient_credits.' }),
    available: credits.exactOptional(),
    shortfall: credits.exactOptional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem document.' });
