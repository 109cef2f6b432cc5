import { z } from 'zod';
import { eventTypeSchema } from './events.ts';
import { ITEM_LIMITS } from './facts/item-limits.ts';
import { DELIVERY_STATES, EXHAUSTED_REASONS, REDELIVERABLE_STATES } from './facts/states.ts';
import { deliveryIds, endpointIds, eventIds } from './ids.ts';
import { count, requestId, time, words } from './parts/schema-parts.ts';

const url = z.string().max(ITEM_LIMITS.urlMaxLength);
const description = z.string().max(512).nullable();
const events = z
  .array(eventTypeSchema)
  .meta({ description: 'The types of events to send; an empty list means every type.' });

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
    description: 'Since when every attempt has failed; null when the last attempt succeeded or there was none yet.',
  }),
  last_delivery_at: time.nullable().meta({ description: 'When the endpoint last accepted a delivery.' }),
  exhausted_count: count.meta({
    description: 'Number of deliveries that were given up and have not been sent again.',
  }),
  previous_secret_expires_at: time.nullable().meta({
    description:
      'Until this time, deliveries are also signed with the secrets from before a rotation; null when only the present secret signs.',
  }),
  created_at: time,
};

export const updateWebhookEndpointRequestSchema = z
  .strictObject({
    url: url.exactOptional(),
    description: description.exactOptional(),
    events: events.exactOptional(),
    enabled: z
      .boolean()
      .exactOptional()
      .meta({ description: 'An endpoint that is enabled again starts with the next event.' }),
    request_id: requestId,
  })
  .meta({ id: 'UpdateWebhookEndpointRequest', description: 'A field that is not sent stays as it is.' });

export const rotateWebhookSecretRequestSchema = z
  .strictObject({
    overlap_seconds: z
      .int()
      .min(0)
      .max(604_800)
      .default(86_400)
      .meta({ description: 'For how many seconds deliveries are also signed with the older secrets.' }),
    request_id: requestId,
  })
  .meta({ id: 'RotateWebhookSecretRequest' });

export const redeliverRequestSchema = z
  .strictObject({
    since: z.union([z.string().max(64), z.int().positive()]).meta({
      description:
        'A time, the id of an event, or its `seq`. Deliveries from there on are sent again, including that event.',
      examples: ['2026-11-20T09:30:00Z', 4_711],
    }),
    states: z.array(words(REDELIVERABLE_STATES)).min(1).exactOptional().meta({
      description:
        'Which deliveries to send again; when left out, exhausted and missed ones. `missed` are events that the endpoint never got because it was disabled.',
    }),
    request_id: requestId,
  })
  .meta({ id: 'RedeliverRequest' });

export const redeliverResultSchema = z
  .object({
    count: count.meta({ description: 'How many deliveries are sent again.' }),
    next_since: z.int().positive().nullable().meta({
      description: 'The `since` for the next call when there are more deliveries; null when there are no more.',
    }),
  })
  .meta({ id: 'RedeliverResult' });

export const webhookEndpointSchema = z.object(webhookEndpointFields).meta({ id: 'WebhookEndpoint' });

export const webhookEndpointWithSecretSchema = z
  .object({
    ...webhookEndpointFields,
    secret: z.string().nullable().meta({
      description: '`whsec_` and base64 of 32 bytes; null when the request was sent again with the same request_id.',
    }),
  })
  .meta({
    id: 'WebhookEndpointWithSecret',
    description:
      'The answer when an endpoint is created or its secret is rotated. The secret is shown only in this answer.',
  });

export const webhookAttemptSchema = z
  .object({
    attempt: z.int().positive(),
    started_at: time,
    duration_ms: count,
    status_code: z.int().nullable().meta({ description: 'HTTP status of the answer; null when there was no answer.' }),
    error: z.string().nullable(),
    response_excerpt: z.string().nullable(),
    manual: z.boolean().meta({
      description: 'True when the attempt was requested by a redelivery; it does not count as an automatic attempt.',
    }),
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
      .meta({ description: 'Why there are no more automatic attempts; null when the delivery is not exhausted.' }),
    attempts: z.array(webhookAttemptSchema),
    next_attempt_at: time.nullable(),
    created_at: time,
  })
  .meta({ id: 'WebhookDelivery' });
