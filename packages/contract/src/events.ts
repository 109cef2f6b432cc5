import { z } from 'zod';
import * as kit from './parts/event-kit.ts';
import { EVENTS, EVENT_TYPES, type EventType } from './facts/events.ts';
import { eventIds } from './ids.ts';
import { time, words } from './parts/schema-parts.ts';
import type { WebhookEvent } from './types.ts';

export const eventTypeSchema = words(EVENT_TYPES);

/** `batch.completed` as `BatchCompletedEvent`. */
function nameOf(type: EventType): string {
  const parts = type.split(/[._]/).map((part) => part.charAt(0).toUpperCase() + part.slice(1));
  return `${parts.join('')}Event`;
}

const eventFields = {
  id: eventIds.schema.meta({
    description:
      'The same in every attempt to deliver this event: remember it, and skip an event that you have handled.',
  }),
  created_at: time,
};

/** The body of a webhook of each type. */
export const webhookEventSchemas = Object.fromEntries(
  EVENT_TYPES.map((type) => [
    type,
    z
      .object({
        id: eventFields.id,
        type: z.literal(type),
        created_at: eventFields.created_at,
        data: EVENTS[type].data(kit),
      })
      .meta({ id: nameOf(type), description: `Sent when ${EVENTS[type].when}.` }),
  ]),
) as unknown as Readonly<Record<EventType, z.ZodType<WebhookEvent>>>;

/** The body of any webhook. */
export const webhookEventSchema = z
  .union(Object.values(webhookEventSchemas))
  .meta({ id: 'WebhookEvent', description: 'Any event; `type` says which one it is.' });

export const eventSchema = z
  .object({
    id: eventFields.id,
    type: eventTypeSchema,
    created_at: time,
    data: z.record(z.string(), z.unknown()).meta({ description: 'Depends on `type`, as in webhooks.' }),
  })
  .meta({ id: 'Event' });

export const listedEventSchema = z
  .object({
    id: eventFields.id,
    type: eventTypeSchema,
    created_at: time,
    data: z.record(z.string(), z.unknown()).meta({ description: 'Depends on `type`, as in webhooks.' }),
    seq: z.int().positive().meta({ description: 'Number of the event in the account: 1, 2, 3, … without gaps.' }),
  })
  .meta({ id: 'ListedEvent', description: 'An event in the list of events, with its number.' });
