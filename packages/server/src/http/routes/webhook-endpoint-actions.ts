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
    replaySuccess('It was done before under this request_id.', schema, { example }),
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
        'Only what is named is changed; doing it twice is the same as once. An endpoint that is enabled again begins with the next event: ask for what it missed with a redelivery. Disabling ends what waits for it as exhausted.',
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
        'The answer is the only one with the new secret: store it. A replay shows `secret` null. `overlap_seconds` bounds every older secret, so that 0 ends them all at once.',
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
      summary: 'Send a webhook.test to this endpoint only, whatever its events are',
      description: 'Its delivery stands in the log like any other: GET /v1/webhook-deliveries?event_id=…',
      successes: successes(201, 'The event that is being delivered.', listedEventSchema),
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
        'One attempt each, with the same `webhook-id`, oldest first; at most 10,000 a call, `next_since` has the place to go on. Deliveries that are pending take their course.',
      successes: successes(201, 'How many will be sent.', redeliverResultSchema, { count: 217, next_since: null }),
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
