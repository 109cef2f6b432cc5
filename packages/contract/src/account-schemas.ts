import { z } from 'zod';
import { PLAN_NAMES } from './facts/plans.ts';
import { id, requestId, shape, termsSchema, time } from './schema-parts.ts';
import type * as wire from './types.ts';

export const accountSchema = shape<wire.Account>()(
  z
    .object({
      id: id('acct'),
      name: z.string(),
      plan: z.enum(PLAN_NAMES),
      mode: z.enum(['live', 'test']),
      status: z.enum(['active', 'suspended', 'blocked', 'terminated']),
      rate_limit_per_min: z.int().positive(),
      max_concurrent_tasks: z.int().nonnegative(),
      terms: termsSchema,
      low_credits_threshold: z
        .int()
        .positive()
        .nullable()
        .meta({ description: 'The event `credits.low` is sent when available credits fall below this; null: never.' }),
      created_at: time,
    })
    .meta({ id: 'Account' }),
);

export const updateAccountRequestSchema = z
  .strictObject({
    low_credits_threshold: z
      .int()
      .positive()
      .nullable()
      .exactOptional()
      .meta({ description: 'Send `credits.low` when available credits fall below this; null: never.' }),
    request_id: requestId,
  })
  .meta({ id: 'UpdateAccountRequest' });
