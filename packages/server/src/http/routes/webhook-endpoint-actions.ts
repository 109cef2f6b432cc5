/** What is done with a webhook endpoint that is there: change it, rotate its secret, test it, send again. */
import {
  emptyRequestSchema,
  listedEventSchema,
  redeliverRequestSchema,
  redeliverResultSchema,
  rotateWebhookSecretRequestSchema,
  updateWebhookEndpointRequestSchema,
  webhookEndpointSchema,
  webhookEndpointWithSecretSchema,
  endpointIds,
  eventIds,
  type ErrorCode,
  type ListedEvent,
  type WebhookEndpointWithSecret,
} from '@rushes/contract';
import type { z } from 'zod';
import type { Caller } from '../../accounts/index.ts';
import { accept, refuse, type Outcome } from '../../outcome/index.ts';
import {
  changeEndpoint,
  findEvent,
  getEndpoint,
  redeliverSince,
  rotateSecret,
  testEndpoint,
  type EndpointKey,
} from '../../webhooks/index.ts';
import type { HttpDeps } from '../deps.ts';
import { json, type Exchange } from '../exchange.ts';
import { notFound } from '../not-found.ts';
import { answerPost, requestKey } from '../idempotent-post.ts';
import { timeParameter } from '../parameters.ts';
import { writeRoute, type Route, type SuccessDescription } from '../route.ts';
import { replaySuccess, success } from '../successes.ts';
import { endpointExample } from './webhook-endpoints.ts';

const PATH = '/v1/webhook-endpoints/:endpoint_id';
const TAG = 'Webhooks';
const MISSING = notFound('webhook endpoint');
const REFUSALS: readonly ErrorCode[] = ['request_id_conflict', 'state_conflict'];
const SECRET_EXAMPLE = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=';

function keyOf(caller: Caller, params: Exchange['params']): EndpointKey | null {
  const endpointUuid = endpointIds.parse(params['endpoint_id'] ?? '');
  return endpointUuid === null ? null : { accountUuid: caller.accountUuid, endpointUuid };
}

function onOne(deps: HttpDeps) {
  return {
    scope: 'webhooks:write',
    writes: true,
    missing: MISSING,
    async exists(caller: Caller, params: Exchange['params']): Promise<boolean> {
      const key = keyOf(caller, params);
      return key !== null && (await getEndpoint(deps.db, key.accountUuid, key.endpointUuid)) !== null;
    },
  } as const;
}

function successes(status: number, description: string, schema: z.ZodType, example?: object): SuccessDescription[] {
  return [
    success(status, description, schema, { example }),
    replaySuccess('The same request was carried out before with this request_id.', schema, { example }),
  ];
}

/** Changing an endpoint, its secret and what it is sent. */
export function routes(deps: HttpDeps): readonly Route[] {
  return [updateRoute(deps), rotateRoute(deps), testRoute(deps), redeliverRoute(deps)];
}

function updateRoute(deps: HttpDeps): Route {
  return writeRoute({
    ...onOne(deps),
    method: 'patch',
    path: PATH,
    body: updateWebhookEndpointRequestSchema,
    bodyExample: { events: ['batch.completed'], enabled: true },
    operation: {
      id: 'updateWebhookEndpoint',
      tag: TAG,
      summary: 'Change a webhook endpoint: its URL, description or events, or whether it is enabled',
      description:
        'Fields that are not sent stay as they are. Sending the same change twice has no further effect. An endpoint that is enabled again starts with the next event; use a redelivery to get the events that it missed. When an endpoint is disabled, its pending deliveries become exhausted.',
      successes: [success(200, 'The endpoint as it is now.', webhookEndpointSchema, { example: endpointExample })],
    },
    async handle({ caller, exchange, body }) {
      const key = keyOf(caller, exchange.params);
      // An unknown endpoint is reported before a bad URL.
      if (key === null || (await getEndpoint(deps.db, key.accountUuid, key.endpointUuid)) === null) return MISSING;
      const { request_id: _, ...changes } = body;
      const changed = await changeEndpoint({ guard: deps.webhookGuard }, deps.db, key, changes);
      if (changed === null) return MISSING;
      return changed.ok ? json(changed.value) : changed;
    },
  });
}

function rotateRoute(deps: HttpDeps): Route {
  const path = `${PATH}/rotate-secret`;
  const example = {
    ...endpointExample,
    previous_secret_expires_at: '2026-11-21T12:00:00.000Z',
    secret: SECRET_EXAMPLE,
  };
  return writeRoute({
    ...onOne(deps),
    method: 'post',
    path,
    body: rotateWebhookSecretRequestSchema,
    bodyExample: { overlap_seconds: 86_400 },
    operation: {
      id: 'rotateWebhookSecret',
      tag: TAG,
      summary: 'Create a new secret; deliveries are also signed with the old one for a while',
      description:
        'Only this answer has the new secret, so store it. When the request is repeated, `secret` is null. `overlap_seconds` applies to all older secrets, so 0 ends them all at once.',
      successes: successes(201, 'The endpoint, with its new secret.', webhookEndpointWithSecretSchema, example),
      refusals: REFUSALS,
    },
    async handle({ caller, exchange, body, requestId }) {
      const key = keyOf(caller, exchange.params);
      if (key === null) return MISSING;
      const { overlap_seconds: overlapSeconds } = body;
      const asked = { endpoint_id: exchange.params['endpoint_id'], overlap_seconds: overlapSeconds };
      const endpointDeps = { random: deps.random, sealer: deps.webhookSealer };
      return answerPost(deps.db, requestKey(caller, `POST ${path}`, requestId, asked), {
        async replay() {
          const endpoint = await getEndpoint(deps.db, key.accountUuid, key.endpointUuid);
          return endpoint === null ? MISSING : accept({ ...endpoint, secret: null });
        },
        make: (commit) =>
          commit(
            async (tx): Promise<Outcome<WebhookEndpointWithSecret>> =>
              (await rotateSecret(endpointDeps, tx, key, overlapSeconds * 1_000)) ?? MISSING,
            () => key.endpointUuid,
          ),
      });
    },
  });
}

function testRoute(deps: HttpDeps): Route {
  const path = `${PATH}/test`;
  return writeRoute({
    ...onOne(deps),
    method: 'post',
    path,
    body: emptyRequestSchema,
    operation: {
      id: 'testWebhookEndpoint',
      tag: TAG,
      summary: 'Send the event webhook.test to this endpoint only, also when the endpoint does not receive this type',
      description: 'The delivery is in the log like any other: GET /v1/webhook-deliveries?event_id=…',
      successes: successes(201, 'The event. It is delivered now.', listedEventSchema),
      refusals: REFUSALS,
    },
    async handle({ caller, exchange, requestId }) {
      const key = keyOf(caller, exchange.params);
      if (key === null) return MISSING;
      const asked = { endpoint_id: exchange.params['endpoint_id'] };
      return answerPost(deps.db, requestKey(caller, `POST ${path}`, requestId, asked), {
        async replay(seq) {
          const event = await findEvent(deps.db, key.accountUuid, Number(seq));
          return event === null ? MISSING : accept(event);
        },
        make: (commit) =>
          commit(
            async (tx): Promise<Outcome<ListedEvent>> => (await testEndpoint(tx, key)) ?? MISSING,
            ({ seq }) => String(seq),
          ),
      });
    },
  });
}

/** A number or digits are a seq, `evt_…` is an event of this account, anything else must be a time. */
function readSince(caller: Caller, since: string | number): Outcome<Date | number> {
  const bad = (detail: string): Outcome<never> => refuse({ code: 'invalid_request', detail, param: 'since' });
  if (typeof since === 'number') return accept(since);
  if (/^\d{1,15}$/.test(since)) return accept(Number(since));
  if (since.startsWith('evt_')) {
    const event = eventIds.parse(since);
    return event === null || event.accountUuid !== caller.accountUuid
      ? bad('This account does not have an event with this id.')
      : accept(event.seq);
  }
  const time = timeParameter.safeParse(since);
  return time.success
    ? accept(time.data)
    : bad('`since` must be a time like 2026-11-20T09:30:00Z, the id of an event, or its seq.');
}

function redeliverRoute(deps: HttpDeps): Route {
  const path = `${PATH}/redeliver`;
  return writeRoute({
    ...onOne(deps),
    method: 'post',
    path,
    body: redeliverRequestSchema,
    bodyExample: { since: '2026-11-20T09:30:00Z', states: ['exhausted', 'missed'] },
    operation: {
      id: 'redeliverWebhooksSince',
      tag: TAG,
      summary: 'Send deliveries to this endpoint again, from a time or an event on',
      description:
        'Makes one attempt for each, with the same `webhook-id`, oldest first. One call sends at most 10,000; continue with `next_since`. Pending deliveries are not changed.',
      successes: successes(201, 'How many deliveries are sent again.', redeliverResultSchema, {
        count: 217,
        next_since: null,
      }),
      refusals: REFUSALS,
    },
    async handle({ caller, exchange, body, requestId }) {
      const key = keyOf(caller, exchange.params);
      // An unknown endpoint is reported before a bad `since`.
      if (key === null || (await getEndpoint(deps.db, key.accountUuid, key.endpointUuid)) === null) return MISSING;
      const { since, states = ['exhausted', 'missed'] } = body;
      const from = readSince(caller, since);
      if (!from.ok) return from;
      const asked = { endpoint_id: exchange.params['endpoint_id'], since: String(since), states };
      return answerPost(deps.db, requestKey(caller, `POST ${path}`, requestId, asked), {
        replay: async (result) => accept(redeliverResultSchema.parse(JSON.parse(result))),
        make: (commit) =>
          commit(
            (tx) => redeliverSince(tx, { ...key, since: from.value, states }),
            (result) => JSON.stringify(result),
          ),
      });
    },
  });
}
