/**
 * The wire shapes as zod schemas: requests are parsed with them, OpenAPI is generated from them, and the tests hold
 * every response to them. Each is compared with its interface in types.ts by the compiler.
 */
import { z } from 'zod';
import { ERROR_CODES, ITEM_ERROR_CODES, type ErrorCode } from './facts/error-codes.ts';
import { EVENT_TYPES } from './facts/event-types.ts';
import { FAILURE_TYPES } from './facts/failures.ts';
import { ITEM_LIMITS } from './facts/item-limits.ts';
import { credits, id, requestId, shape, termsSchema, time } from './schema-parts.ts';
import type * as wire from './types.ts';

const failureType = z.enum(FAILURE_TYPES);
const eventType = z.enum(EVENT_TYPES);

export const taskParamsSchema = z
  .strictObject({
    aspect_ratio: z.enum(['16:9', '9:16']).exactOptional(),
    duration_seconds: z.int().positive().exactOptional(),
    size: z.enum(['small', 'large']).exactOptional(),
    image_url: z.string().exactOptional(),
    last_image_url: z.string().exactOptional(),
  })
  .meta({ id: 'TaskParams' });

const batchItemSchema = z
  .strictObject({
    prompt: z.string(),
    custom_id: z.string().regex(ITEM_LIMITS.customIdPattern).exactOptional(),
    params: taskParamsSchema.exactOptional(),
  })
  .meta({ id: 'BatchItem' });

const estimateFields = {
  model: z.string(),
  items: z.array(batchItemSchema),
  defaults: taskParamsSchema.exactOptional(),
  metadata: z.record(z.string(), z.string()).exactOptional(),
  spend_limit: z.int().nonnegative().exactOptional(),
  expected_unit_price: z.int().nonnegative().exactOptional(),
  max_failure_rate: z.number().min(0).max(1).exactOptional(),
  deadline_hours: z.number().min(1).max(ITEM_LIMITS.deadlineHoursMax).exactOptional(),
  webhook_endpoint_id: id('whe').exactOptional(),
};

export const estimateRequestSchema = shape<wire.EstimateRequest>()(
  z.strictObject(estimateFields).meta({ id: 'EstimateRequest' }),
);

export const createBatchRequestSchema = shape<wire.CreateBatchRequest>()(
  z
    .strictObject({ request_id: z.string().regex(ITEM_LIMITS.requestIdPattern), ...estimateFields })
    .meta({ id: 'CreateBatchRequest' }),
);

export const estimateSchema = shape<wire.Estimate>()(
  z
    .object({
      model: z.string(),
      count: z.int(),
      unit_price: credits,
      total: credits,
      available: credits,
      affordable: z.boolean(),
      shortfall: credits,
      duplicates: z.int(),
      terms: termsSchema,
      warnings: z.array(z.string()),
    })
    .meta({ id: 'Estimate' }),
);

export const batchSchema = shape<wire.Batch>()(
  z
    .object({
      id: id('bat'),
      request_id: z.string(),
      model: z.string(),
      status: z.enum(['queued', 'processing', 'completed', 'partial', 'failed', 'canceled']),
      paused: z.boolean(),
      canceling: z.boolean(),
      counts: z.object({
        total: z.int(),
        queued: z.int(),
        processing: z.int(),
        succeeded: z.int(),
        failed: z.int(),
        canceled: z.int(),
      }),
      credits: z.object({
        unit_price: credits,
        reserved: credits,
        held: credits,
        charged: credits,
        refunded: credits,
        forfeited: credits,
      }),
      metadata: z.record(z.string(), z.string()),
      retry_of: id('bat').nullable(),
      failure_summary: z.partialRecord(failureType, z.int()),
      created_at: time,
      started_at: time.nullable(),
      finished_at: time.nullable(),
      deadline_at: time,
    })
    .meta({ id: 'Batch' }),
);

export const cancelResultSchema = shape<wire.CancelResult>()(
  z.object({ batch: batchSchema, refunded: credits, still_running: z.int() }).meta({ id: 'CancelResult' }),
);

const taskFields = {
  id: id('tsk'),
  batch_id: id('bat'),
  index: z.int().nonnegative(),
  custom_id: z.string().nullable(),
  prompt: z.string(),
  params: taskParamsSchema,
  status: z.enum(['queued', 'processing', 'succeeded', 'failed', 'canceled']),
  attempts: z.int().nonnegative(),
  failure: z.object({ type: failureType, message: z.string() }).nullable(),
  credits: z.object({ charged: credits, refunded: credits, forfeited: credits }),
  video: z
    .object({ bytes: z.int().positive(), sha256: z.string().regex(/^[0-9a-f]{64}$/), content_type: z.string() })
    .nullable(),
  created_at: time,
  started_at: time.nullable(),
  finished_at: time.nullable(),
};

export const taskSchema = shape<wire.Task>()(z.object(taskFields).meta({ id: 'Task' }));

export const videoLinkSchema = shape<wire.VideoLink>()(
  z.object({ url: z.url(), expires_at: time }).meta({ id: 'VideoLink' }),
);

export const taskResultSchema = shape<wire.TaskResult>()(
  z.object({ ...taskFields, link: videoLinkSchema.nullable().exactOptional() }).meta({ id: 'TaskResult' }),
);

export const createLinkRequestSchema = z
  .strictObject({
    action: z.enum(['play', 'download', 'embed']),
    expires_in: z.int().min(60).max(86_400).default(3_600).meta({ description: 'Seconds.' }),
    request_id: z.string().regex(ITEM_LIMITS.requestIdPattern).exactOptional(),
  })
  .meta({ id: 'CreateLinkRequest' });

export const creditsSchema = shape<wire.Credits>()(
  z
    .object({ available: credits, reserved: credits, spent: credits, issued: credits, debt: credits })
    .meta({ id: 'Credits' }),
);

const bucket = z.enum(['external', 'available', 'reserved', 'spent']);

const ledgerEntryFields = {
  seq: z.int().positive(),
  kind: z.enum(['purchase', 'grant', 'reserve', 'charge', 'refund', 'forfeit', 'reversal', 'revoke']),
  from: bucket,
  to: bucket,
  amount: z.int().positive(),
  available_after: credits,
  reserved_after: credits,
  spent_after: credits,
  batch_id: id('bat').nullable(),
  task_id: id('tsk').nullable(),
  task_index: z.int().nonnegative().nullable(),
  reverses_seq: z.int().positive().nullable(),
  reason: z.string().nullable(),
  reference: z.string().nullable(),
  created_at: time,
};

export const ledgerEntrySchema = shape<wire.LedgerEntry>()(z.object(ledgerEntryFields).meta({ id: 'LedgerEntry' }));

/** SHA-256, base64. */
const hash = z.string().regex(/^[A-Za-z0-9+/]{43}=$/);
const note = z.string().meta({ description: 'Signed note, c2sp.org/tlog-checkpoint' });

export const exportedLedgerEntrySchema = shape<wire.ExportedLedgerEntry>()(
  z.object({ ...ledgerEntryFields, leaf_hash: hash }).meta({ id: 'ExportedLedgerEntry' }),
);

const ledgerExportHeaderFields = {
  account_id: id('acct'),
  checkpoint: note.nullable(),
  previous_epochs: z.array(
    z.object({
      epoch: z.int().positive(),
      last_checkpoint: note,
      first_checkpoint: note,
      reason: z.string(),
      opened_at: time,
    }),
  ),
  range: z.object({
    first: z.int().positive(),
    last: z.int().nonnegative(),
    left: z.array(hash),
    right: z.array(hash),
  }),
};

export const ledgerExportHeaderSchema = shape<wire.LedgerExportHeader>()(
  z.object(ledgerExportHeaderFields).meta({ id: 'LedgerExportHeader' }),
);

export const ledgerExportSchema = shape<wire.LedgerExport>()(
  z.object({ ...ledgerExportHeaderFields, entries: z.array(exportedLedgerEntrySchema) }).meta({ id: 'LedgerExport' }),
);

export const ledgerKeysSchema = shape<wire.LedgerKeys>()(
  z
    .object({
      server_name: z.string(),
      keys: z.array(z.object({ key: z.string(), status: z.enum(['active', 'retired']), created_at: time })),
    })
    .meta({ id: 'LedgerKeys' }),
);

export const modelSchema = shape<wire.Model>()(
  z
    .object({
      id: z.string(),
      unit_price: credits,
      min_items: z.int(),
      max_items: z.int(),
      params: z.array(
        z.object({
          name: z.enum(['aspect_ratio', 'duration_seconds', 'size', 'image_url', 'last_image_url']),
          values: z.array(z.union([z.string(), z.number()])).nullable(),
        }),
      ),
      timeout_seconds: z.number(),
      target_seconds: z.number(),
      lifecycle: z.enum(['active', 'deprecated', 'retired']),
    })
    .meta({ id: 'Model' }),
);

export const createWebhookEndpointRequestSchema = z
  .strictObject({
    url: z.string().max(2_048),
    description: z.string().max(512).nullable().exactOptional(),
    events: z.array(eventType).exactOptional().meta({ description: 'Only these events; empty means every event.' }),
    request_id: z.string().regex(ITEM_LIMITS.requestIdPattern).exactOptional(),
  })
  .meta({ id: 'CreateWebhookEndpointRequest' });

const webhookEndpointFields = {
  id: id('whe'),
  url: z.string(),
  description: z.string().nullable(),
  events: z.array(eventType),
  enabled: z.boolean(),
  disabled_reason: z.string().nullable(),
  failing_since: time.nullable().meta({ description: 'Since when every attempt has failed; null while it answers.' }),
  last_delivery_at: time.nullable().meta({ description: 'When it last accepted a delivery.' }),
  exhausted_count: z
    .int()
    .nonnegative()
    .meta({ description: 'Deliveries that were given up and wait for a redelivery by hand.' }),
  previous_secret_expires_at: time
    .nullable()
    .meta({ description: 'Until when secrets from before a rotation sign too.' }),
  created_at: time,
};

export const updateWebhookEndpointRequestSchema = z
  .strictObject({
    url: z.string().max(2_048).exactOptional(),
    description: z.string().max(512).nullable().exactOptional(),
    events: z.array(eventType).exactOptional().meta({ description: 'Only these events; empty means every event.' }),
    enabled: z.boolean().exactOptional().meta({ description: 'Enabling begins with the next event.' }),
    request_id: requestId,
  })
  .meta({ id: 'UpdateWebhookEndpointRequest' });

export const rotateWebhookSecretRequestSchema = z
  .strictObject({
    overlap_seconds: z
      .int()
      .min(0)
      .max(604_800)
      .default(86_400)
      .meta({ description: 'How long older secrets go on signing beside the new one.' }),
    request_id: requestId,
  })
  .meta({ id: 'RotateWebhookSecretRequest' });

export const redeliverRequestSchema = z
  .strictObject({
    since: z.union([z.string().max(64), z.int().positive()]).meta({
      description: 'A time, the id of an event, or its `seq`: from there on, that one included.',
      examples: ['2026-11-20T09:30:00Z', 4_711],
    }),
    states: z
      .array(z.enum(['exhausted', 'missed', 'delivered']))
      .min(1)
      .exactOptional()
      .meta({
        description:
          'Which deliveries: `missed` are events that the endpoint never got, as it was disabled. Without it exhausted and missed ones.',
      }),
    request_id: requestId,
  })
  .meta({ id: 'RedeliverRequest' });

export const redeliverResultSchema = shape<wire.RedeliverResult>()(
  z
    .object({
      count: z.int().nonnegative().meta({ description: 'How many deliveries will be made once more.' }),
      next_since: z
        .int()
        .positive()
        .nullable()
        .meta({ description: 'The `since` to go on with when one call does not take all; null when that was all.' }),
    })
    .meta({ id: 'RedeliverResult' }),
);

export const webhookEndpointSchema = shape<wire.WebhookEndpoint>()(
  z.object(webhookEndpointFields).meta({ id: 'WebhookEndpoint' }),
);

export const webhookEndpointWithSecretSchema = shape<wire.WebhookEndpointWithSecret>()(
  z.object({ ...webhookEndpointFields, secret: z.string().nullable() }).meta({ id: 'WebhookEndpointWithSecret' }),
);

export const webhookDeliverySchema = shape<wire.WebhookDelivery>()(
  z
    .object({
      id: id('whd'),
      endpoint_id: id('whe'),
      event_id: id('evt'),
      event_type: eventType,
      state: z.enum(['pending', 'delivered', 'exhausted']),
      exhausted_reason: z.enum(['attempts_used_up', 'endpoint_disabled', 'endpoint_deleted']).nullable(),
      attempts: z.array(
        z.object({
          attempt: z.int().positive(),
          started_at: time,
          duration_ms: z.int().nonnegative(),
          status_code: z.int().nullable(),
          error: z.string().nullable(),
          response_excerpt: z.string().nullable(),
          manual: z
            .boolean()
            .meta({ description: 'Asked for by a redelivery: one attempt, outside the automatic ones.' }),
        }),
      ),
      next_attempt_at: time.nullable(),
      created_at: time,
    })
    .meta({ id: 'WebhookDelivery' }),
);

export const listedEventSchema = shape<wire.ListedEvent>()(
  z
    .object({
      id: id('evt'),
      seq: z.int().positive(),
      type: eventType,
      created_at: time,
      data: z.record(z.string(), z.unknown()),
    })
    .meta({ id: 'Event' }),
);

export function pageSchema<S extends z.ZodType>(item: S) {
  return z.object({ data: z.array(item), has_more: z.boolean(), next_cursor: z.string().nullable() });
}

const problemCodes = Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]];

export const problemSchema = shape<wire.Problem>()(
  z
    .object({
      type: z.string(),
      title: z.string(),
      status: z.int(),
      detail: z.string(),
      code: z.enum(problemCodes),
      trace_id: z.string(),
      param: z.string().exactOptional(),
      errors: z
        .array(
          z.object({
            index: z.int().nullable(),
            line: z.int().exactOptional(),
            custom_id: z.string().nullable(),
            param: z.string().nullable(),
            code: z.enum(ITEM_ERROR_CODES),
            detail: z.string(),
          }),
        )
        .exactOptional(),
      error_count: z.int().exactOptional(),
      required: credits.exactOptional(),
      available: credits.exactOptional(),
      shortfall: credits.exactOptional(),
    })
    .meta({ id: 'Problem' }),
);
