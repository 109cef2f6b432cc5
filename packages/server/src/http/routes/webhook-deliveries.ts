import { pageSchema, parseDeliveryId, parseEventId, parseId, webhookDeliverySchema } from '@rushes/contract';
import { z } from 'zod';
import { refuse } from '../../refusal.ts';
import { listDeliveries } from '../../webhooks/index.ts';
import type { HttpDeps } from '../deps.ts';
import { json } from '../exchange.ts';
import { notFound } from '../not-found.ts';
import { cursorParameter, limitParameter, orderParameter } from '../parameters.ts';
import { readRoute, type Route } from '../route.ts';

const PATH = '/v1/webhook-deliveries';

const listQuery = z.strictObject({
  limit: limitParameter,
  cursor: cursorParameter,
  order: orderParameter,
  endpoint_id: z.string().meta({ description: 'Only to this endpoint.' }).exactOptional(),
  event_id: z.string().meta({ description: 'Only of this event.' }).exactOptional(),
  state: z.enum(['pending', 'delivered', 'exhausted']).exactOptional(),
});

/** What was sent where. */
export function webhookDeliveryRoutes(deps: HttpDeps): readonly Route[] {
  return [
    readRoute({
      path: PATH,
      scope: 'webhooks:write',
      query: listQuery,
      operation: {
        id: 'listWebhookDeliveries',
        tag: 'Webhooks',
        summary: 'Deliveries with every attempt, newest first',
        successes: [
          {
            status: 200,
            description: 'One page.',
            content: [{ mediaType: 'application/json', schema: pageSchema(webhookDeliverySchema) }],
          },
        ],
        refusals: [],
      },
      async handle({ caller, query }) {
        const endpointUuid = query.endpoint_id === undefined ? undefined : parseId('whe', query.endpoint_id);
        if (endpointUuid === null) {
          return refuse({
            code: 'invalid_request',
            detail: 'endpoint_id is not the id of an endpoint.',
            param: 'endpoint_id',
          });
        }
        const event = query.event_id === undefined ? undefined : parseEventId(query.event_id);
        if (event === null) {
          return refuse({ code: 'invalid_request', detail: 'event_id is not the id of an event.', param: 'event_id' });
        }
        if (event !== undefined && event.accountUuid !== caller.accountUuid) {
          return json({ data: [], has_more: false, next_cursor: null });
        }
        const filter = {
          ...(endpointUuid === undefined ? {} : { endpointUuid }),
          ...(event === undefined ? {} : { eventSeq: event.seq }),
          ...(query.state === undefined ? {} : { state: query.state }),
        };
        const page = { limit: query.limit, order: query.order, cursor: query.cursor ?? null };
        const found = await listDeliveries(deps.db, caller.accountUuid, filter, page);
        return found.ok ? json(found.value) : found;
      },
    }),
    readRoute({
      path: `${PATH}/:delivery_id`,
      scope: 'webhooks:write',
      missing: notFound('webhook delivery'),
      operation: {
        id: 'getWebhookDelivery',
        tag: 'Webhooks',
        summary: 'One delivery with every attempt',
        successes: [
          {
            status: 200,
            description: 'The delivery.',
            content: [{ mediaType: 'application/json', schema: webhookDeliverySchema }],
          },
        ],
        refusals: [],
      },
      async handle({ caller, exchange }) {
        const id = parseDeliveryId(exchange.params['delivery_id'] ?? '');
        if (id === null) return notFound('webhook delivery');
        const filter = { endpointUuid: id.endpointUuid, eventSeq: id.seq };
        const page = { limit: 1, order: 'desc', cursor: null } as const;
        const found = await listDeliveries(deps.db, caller.accountUuid, filter, page);
        const [delivery] = found.ok ? found.value.data : [];
        return delivery === undefined ? notFound('webhook delivery') : json(delivery);
      },
    }),
  ];
}
