import { z } from 'zod';
import { PARAM_NAMES } from './facts/params.ts';
import { MODEL_LIFECYCLES } from './facts/states.ts';
import { count, credits, words } from './parts/schema-parts.ts';

export const modelParamSchema = z
  .object({
    name: words(PARAM_NAMES),
    kind: words(['one_of', 'url', 'integer', 'boolean', 'text']),
    values: z
      .array(z.union([z.string(), z.number()]))
      .nullable()
      .meta({ description: 'With `one_of`: all allowed values; null with every other kind.' }),
    min: z.int().exactOptional().meta({ description: 'With `integer`: the smallest value.' }),
    max: z.int().exactOptional().meta({ description: 'With `integer`: the largest value.' }),
    max_length: count.exactOptional().meta({ description: 'With `text`: the largest number of Unicode code points.' }),
    description: z.string(),
  })
  .meta({ id: 'ModelParam' });

export const modelSchema = z
  .object({
    id: z.string(),
    unit_price: credits,
    min_items: count,
    max_items: count,
    params: z.array(modelParamSchema),
    timeout_seconds: z.number(),
    target_seconds: z.number(),
    lifecycle: words(MODEL_LIFECYCLES),
  })
  .meta({ id: 'Model' });
