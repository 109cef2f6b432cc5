import { z } from 'zod';
import { FAILURE_TYPES } from './facts/failures.ts';
import { ITEM_LIMITS } from './facts/item-limits.ts';
import { MODELS } from './facts/models.ts';
import { BATCH_STATUSES } from './facts/states.ts';
import { batchIds, endpointIds } from './ids.ts';
import { codePoints, count, credits, requestId, time, words } from './parts/schema-parts.ts';
import { taskParamsSchema } from './parts/task-params.ts';
import { termsSchema } from './parts/terms.ts';

export const batchItemSchema = z
  .strictObject({
    prompt: codePoints(1, ITEM_LIMITS.promptMaxCodePoints).meta({
      description: '1 to 5,000 Unicode code points, not blank; stored as sent.',
    }),
    custom_id: z
      .string()
      .regex(ITEM_LIMITS.customIdPattern)
      .exactOptional()
      .meta({ description: '1 to 128 characters of `[A-Za-z0-9._:-]`, unique in its batch.' }),
    params: taskParamsSchema.exactOptional(),
  })
  .meta({ id: 'BatchItem' });

const metadata = z
  .record(codePoints(1, ITEM_LIMITS.metadataKeyMaxLength), codePoints(0, ITEM_LIMITS.metadataValueMaxLength))
  .refine((value) => Object.keys(value).length <= ITEM_LIMITS.metadataMaxKeys, 'has too many keys')
  .meta({
    maxProperties: ITEM_LIMITS.metadataMaxKeys,
    description: 'Labels of the batch: up to 16 names of 64 characters with values of 512.',
  });

const fewestItems = Math.min(...MODELS.map(({ minItems }) => minItems));
const mostItems = Math.max(...MODELS.map(({ maxItems }) => maxItems));
const bounds = MODELS.map((model) => `${model.id} ${model.minItems} to ${model.maxItems}`).join(', ');

/** The fields of a submission other than its items and its request_id. */
export const submissionFields = {
  model: z.string().meta({ description: 'Name of the model, as in `GET /v1/models`.' }),
  defaults: taskParamsSchema.exactOptional().meta({
    description: 'Parameters for every item that does not set them itself.',
  }),
  metadata: metadata.exactOptional(),
  spend_limit: credits.exactOptional().meta({
    description: 'The request is refused when the whole batch costs more than this many credits.',
  }),
  expected_unit_price: credits.exactOptional().meta({
    description: 'The request is refused when one video does not cost exactly this many credits.',
  }),
  max_failure_rate: z.number().min(0).max(1).exactOptional().meta({
    description: 'A share from 0 to 1. The batch pauses when a larger share of its finished tasks has failed.',
  }),
  deadline_hours: z.number().min(1).max(ITEM_LIMITS.deadlineHoursMax).exactOptional().meta({
    description: 'Hours, 1 to 720, default 168. Tasks that are still queued after this time fail and are refunded.',
  }),
  webhook_endpoint_id: endpointIds.schema.exactOptional().meta({
    description: "Deliver this batch's events to this endpoint only.",
  }),
};

const items = z
  .array(batchItemSchema)
  .min(fewestItems)
  .max(mostItems)
  .meta({ description: `The prompts. The allowed number depends on the model: ${bounds}.` });

export const estimateRequestSchema = z
  .strictObject({
    ...submissionFields,
    items,
    request_id: requestId.meta({
      description: 'Ignored. It is accepted so that the same body can be sent to estimate and to create a batch.',
    }),
  })
  .meta({ id: 'EstimateRequest' });

export const createBatchRequestSchema = z
  .strictObject({
    request_id: requestId.meta({
      description: "The caller's idempotency key. Required, here or in the header Idempotency-Key.",
    }),
    ...submissionFields,
    items,
  })
  .meta({ id: 'CreateBatchRequest' });

export const estimateSchema = z
  .object({
    model: z.string(),
    count,
    unit_price: credits,
    total: credits,
    available: credits,
    affordable: z.boolean(),
    shortfall: credits,
    duplicates: count.meta({ description: "How many items repeat an earlier item's prompt and parameters." }),
    terms: termsSchema,
    warnings: z.array(z.string()),
  })
  .meta({ id: 'Estimate' });

export const batchCountsSchema = z
  .object({
    total: count,
    queued: count,
    processing: count,
    succeeded: count,
    failed: count,
    canceled: count,
  })
  .meta({ id: 'BatchCounts' });

export const batchCreditsSchema = z
  .object({
    unit_price: credits,
    reserved: credits.meta({ description: 'Credits reserved when the batch was created.' }),
    held: credits.meta({ description: 'Credits that are still reserved.' }),
    charged: credits,
    refunded: credits,
    forfeited: credits,
  })
  .meta({ id: 'BatchCredits' });

export const batchSchema = z
  .object({
    id: batchIds.schema,
    request_id: z.string(),
    model: z.string(),
    status: words(BATCH_STATUSES),
    paused: z.boolean(),
    canceling: z.boolean(),
    counts: batchCountsSchema,
    credits: batchCreditsSchema,
    metadata: z.record(z.string(), z.string()),
    retry_of: batchIds.schema.nullable().meta({ description: 'The batch whose failed tasks this one retries.' }),
    failure_summary: z.partialRecord(words(FAILURE_TYPES), count).meta({
      description: 'Number of tasks that failed or were canceled, by failure type; empty when there are none.',
    }),
    created_at: time,
    started_at: time.nullable(),
    finished_at: time.nullable(),
    deadline_at: time,
  })
  .meta({ id: 'Batch' });

export const cancelResultSchema = z
  .object({
    batch: batchSchema,
    refunded: credits.meta({
      description: 'Credits that are refunded at once; in a preview, the credits that would be refunded.',
    }),
    still_running: count.meta({
      description: 'Tasks that are already running. They finish, and are charged or refunded by their outcome.',
    }),
  })
  .meta({ id: 'CancelResult' });
