import {
  DELIVERY_STATES,
  emptyRequestSchema,
  EVENT_TYPES,
  pageSchema,
  webhookDeliverySchema,
  deliveryIds,
  endpointIds,
  eventIds,
  type WebhookDelivery,
} from '@rushes/contract';
import { z } from 'zod';
import { accept, refuse, type Outcome } from '../../outcome/index.ts';
import { findDelivery, listDeliveries, redeliver } from '../../webhooks/index.ts';
import type { HttpDeps } from '../deps.ts';
import { json } from '../exchange.ts';
import { notFound } from '../not-found.ts';
import { answerPost, requestKey } from '../idempotent-post.ts';
import { cursorParameter, limitParameter, orderParameter, timeParameter } from '../parameters.ts';
import { readRoute, writeRoute, type Route } from '../route.ts';
import { replaySuccess, success } from '../successes.ts';

const PATH = '/v1/webhook-deliveries';

const listQuery = z.strictObject({
  limit: limitParameter,
  cursor: cursorParameter,
  order: orderParameter,
  endpoint_id: z.string().meta({ description: 'Only deliveries to this endpoint.' }).exactOptional(),
  event_id: z.string().meta({ description: 'Only deliveries of this event.' }).exactOptional(),
  event_type: z.enum(EVENT_TYPES).meta({ description: 'Only deliveries of events of this type.' }).exactOptional(),
  state: z.enum(DELIVERY_STATES).exactOptional(),
  created_after: timeParameter.exactOptional(),
  created_before: timeParameter.exactOptional(),
});

/** What was sent where. */
export function routes(deps: HttpDeps): readonly Route[] {
  return [
    readRoute({
      path: PATH,
      scope: 'webhooks:write',
      query: listQuery,
      operation: {
        id: 'listWebhookDeliveries',
        tag: 'Webhooks',
        summary: 'List deliveries with every attempt, newest first',
        successes: [success(200, 'One page.', pageSchema(webhookDeliverySchema))],
      },
      async handle({ caller, query }) {
        const endpointUuid = query.endpoint_id === undefined ? undefined : endpointIds.parse(query.endpoint_id);
        if (endpointUuid === null) {
          return refuse({
            code: 'invalid_request',
            detail: 'endpoint_id must be the id of an endpoint, whe_….',
            param: 'endpoint_id',
          });
        }
        const event = query.event_id === undefined ? undefined : eventIds.parse(query.event_id);
        if (event === null) {
          return refuse({
            code: 'invalid_request',
            detail: 'event_id must be the id of an event, evt_….',
            param: 'event_id',
          });
        }
        if (event !== undefined && event.accountUuid !== caller.accountUuid) {
          return json({ data: [], has_more: false, next_cursor: null });
        }
        const filter = {
          ...(endpointUuid === undefined ? {} : { endpointUuid }),
          ...(event === undefined ? {} : { eventSeq: event.seq }),
          ...(query.state === undefined ? {} : { state: query.state }),
          ...(query.event_type === undefined ? {} : { eventType: query.event_type }),
          ...(query.created_after === undefined ? {} : { createdAfter: query.created_after }),
          ...(query.created_before === undefined ? {} : { createdBefore: query.created_before }),
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
        summary: 'Get one delivery with every attempt',
        successes: [success(200, 'The delivery.', webhookDeliverySchema)],
      },
      async handle({ caller, exchange }) {
        const id = deliveryIds.parse(exchange.params['delivery_id'] ?? '');
        const delivery = id === null ? null : await findDelivery(deps.db, caller.accountUuid, id);
        return delivery === null ? notFound('webhook delivery') : json(delivery);
      },
    }),
    redeliverRoute(deps),
  ];
}

function redeliverRoute(deps: HttpDeps): Route {
  const path = `${PATH}/:delivery_id/redeliver`;
  return writeRoute({
    method: 'post',
    path,
    scope: 'webhooks:write',
    writes: true,
    body: emptyRequestSchema,
    missing: notFound('webhook delivery'),
    async exists(caller, params) {
      const id = deliveryIds.parse(params['delivery_id'] ?? '');
      return id !== null && (await findDelivery(deps.db, caller.accountUuid, id)) !== null;
    },
    operation: {
      id: 'redeliverWebhook',
      tag: 'Webhooks',
      summary: 'Send one delivery again, now',
      description:
        'Makes one attempt with the same `webhook-id`, in every state of the delivery. When the attempt fails, the delivery returns to its state before. For a pending delivery, the next automatic attempt is made now.',
      successes: [
        success(201, 'The delivery. The attempt is made now.', webhookDeliverySchema),
        replaySuccess(
          'The same request was made before with this request_id. The delivery as it is now.',
          webhookDeliverySchema,
        ),
      ],
      refusals: ['request_id_conflict', 'state_conflict'],
    },
    async handle({ caller, exchange, requestId }) {
      const text = exchange.params['delivery_id'] ?? '';
      const id = deliveryIds.parse(text);
      if (id === null) return notFound('webhook delivery');
      const missing = notFound('webhook delivery');
      const endpoint = { accountUuid: caller.accountUuid, endpointUuid: id.endpointUuid };
      return answerPost(deps.db, requestKey(caller, `POST ${path}`, requestId, { delivery_id: text }), {
        async replay() {
          const delivery = await findDelivery(deps.db, caller.accountUuid, id);
          return delivery === null ? missing : accept(delivery);
        },
        make: (commit) =>
          commit(
            async (tx): Promise<Outcome<WebhookDelivery>> => (await redeliver(tx, endpoint, id.seq)) ?? missing,
            () => text,
          ),
      });
    },
  });
}
