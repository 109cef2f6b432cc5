import { z } from 'zod';
import { eventTypeSchema } from './events.ts';
import { ITEM_LIMITS } from './facts/item-limits.ts';
import { DELIVERY_STATES, EXHAUSTED_REASONS, REDELIVERABLE_STATES } from './facts/states.ts';
import { deliveryIds, endpointIds, eventIds } from './ids.ts';
import { count, requestId, time, words } from './parts/schema-parts.ts';

const url = z.string().max(ITEM_LIMITS.urlMaxLength);
const description = z.string().max(512).nullable();
const events = z.array(eventTypeSchema).meta({ description: 'Only these events; empty means every event.' });

export const createWebhookEndpointRequestSchema = z
  .strictObject({
    url,
    description: description.exactOptional(),
    events: events.exactOptional(),
    request_id: requestId,
  })
  .meta({ id: 'CreateWebhookEndpointRequest' });

const webhookEndpointFields = {
  id: endpointIds.schema,
  url: z.string(),
  description: z.string().nullable(),
  events,
  enabled: z.boolean(),
  disabled_reason: z.string().nullable(),
  failing_since: time.nullable().meta({
    description: 'Since when every attempt has failed; null while it answers, or before the first attempt.',
  }),
  last_delivery_at: time.nullable().meta({ description: 'When it last accepted a delivery.' }),
  exhausted_count: count.meta({
    description: 'Deliveries that were given up and wait for a redelivery by hand.',
  }),
  previous_secret_expires_at: time.nullable().meta({
    description: 'Until when secrets from before a rotation sign too; null when only the present one does.',
  }),
  created_at: time,
};

export const updateWebhookEndpointRequestSchema = z
  .strictObject({
    url: url.exactOptional(),
    description: description.exactOptional(),
    events: events.exactOptional(),
    enabled: z.boolean().exactOptional().meta({ description: 'Enabling begins with the next event.' }),
    request_id: requestId,
  })
  .meta({ id: 'UpdateWebhookEndpointRequest', description: 'Only what is named is changed.' });

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
    states: z.array(words(REDELIVERABLE_STATES)).min(1).exactOptional().meta({
      description:
        'Which deliveries: `missed` are events that the endpoint never got, as it was disabled. Without it exhausted and missed ones.',
    }),
    request_id: requestId,
  })
  .meta({ id: 'RedeliverRequest' });

export const redeliverResultSchema = z
  .object({
    count: count.meta({ description: 'How many deliveries will be made once more.' }),
    next_since: z
      .int()
      .positive()
      .nullable()
      .meta({ description: 'The `since` to go on with when one call does not take all; null when that was all.' }),
  })
  .meta({ id: 'RedeliverResult' });

export const webhookEndpointSchema = z.object(webhookEndpointFields).meta({ id: 'WebhookEndpoint' });

export const webhookEndpointWithSecretSchema = z
  .object({
    ...webhookEndpointFields,
    secret: z
      .string()
      .nullable()
      .meta({ description: '`whsec_` + base64 of 32 bytes; null in the replay of a creation or a rotation.' }),
  })
  .meta({
    id: 'WebhookEndpointWithSecret',
    description: 'The answer to a creation or a rotation: the only time the secret is shown.',
  });

export const webhookAttemptSchema = z
  .object({
    attempt: z.int().positive(),
    started_at: time,
    duration_ms: count,
    status_code: z.int().nullable().meta({ description: 'Null when no answer came.' }),
    error: z.string().nullable(),
    response_excerpt: z.string().nullable(),
    manual: z.boolean().meta({ description: 'Asked for by a redelivery: one attempt, outside the automatic ones.' }),
  })
  .meta({ id: 'WebhookAttempt' });

export const webhookDeliverySchema = z
  .object({
    id: deliveryIds.schema,
    endpoint_id: endpointIds.schema,
    event_id: eventIds.schema,
    event_type: eventTypeSchema,
    state: words(DELIVERY_STATES),
    exhausted_reason: words(EXHAUSTED_REASONS)
      .nullable()
      .meta({ description: 'Why there are no more automatic attempts; null unless exhausted.' }),
    attempts: z.array(webhookAttemptSchema),
    next_attempt_at: time.nullable(),
    created_at: time,
  })
  .meta({ id: 'WebhookDelivery' });
