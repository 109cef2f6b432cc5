import {
  emptyRequestSchema,
  createWebhookEndpointRequestSchema,
  pageSchema,
  webhookEndpointSchema,
  webhookEndpointWithSecretSchema,
  endpointIds,
  type WebhookEndpointWithSecret,
  type EndpointUuid,
} from '@rushes/contract';
import { z } from 'zod';
import type { Caller } from '../../accounts/index.ts';
import { accept } from '../../outcome/index.ts';
import { deleteEndpoint, getEndpoint, insertEndpoint, listEndpoints, prepareEndpoint } from '../../webhooks/index.ts';
import type { HttpDeps } from '../deps.ts';
import { json, type Exchange } from '../exchange.ts';
import { notFound } from '../not-found.ts';
import { answerPost, requestKey } from '../idempotent-post.ts';
import { cursorParameter, limitParameter } from '../parameters.ts';
import { readRoute, writeRoute, type Route } from '../route.ts';
import { replaySuccess, success } from '../successes.ts';

const PATH = '/v1/webhook-endpoints';
const TAG = 'Webhooks';
const SCOPE = 'webhooks:write';

/** An endpoint as the reference shows it. */
export const endpointExample = {
  id: 'whe_2k1Kx2ZtPq7wYc9RDfVh3T',
  url: 'https://example.com/hooks/rushes',
  description: 'Production',
  events: ['batch.completed', 'batch.partial', 'batch.failed'],
  enabled: true,
  disabled_reason: null,
  failing_since: null,
  last_delivery_at: '2026-11-20T11:02:41.120Z',
  exhausted_count: 0,
  previous_secret_expires_at: null,
  created_at: '2026-11-20T09:30:00.000Z',
};

function endpointUuid(params: Exchange['params']): EndpointUuid | null {
  return endpointIds.parse(params['endpoint_id'] ?? '');
}

/** Where events are sent. */
export function routes(deps: HttpDeps): readonly Route[] {
  const exists = async (caller: Caller, params: Exchange['params']): Promise<boolean> => {
    const uuid = endpointUuid(params);
    return uuid !== null && (await getEndpoint(deps.db, caller.accountUuid, uuid)) !== null;
  };
  const one = { scope: SCOPE, exists, missing: notFound('webhook endpoint') } as const;
  return [
    createRoute(deps),
    readRoute({
      path: PATH,
      scope: SCOPE,
      query: z.strictObject({ limit: limitParameter, cursor: cursorParameter }),
      operation: {
        id: 'listWebhookEndpoints',
        tag: TAG,
        summary: 'List webhook endpoints, newest first',
        successes: [success(200, 'One page.', pageSchema(webhookEndpointSchema))],
      },
      async handle({ caller, query }) {
        const page = await listEndpoints(deps.db, caller.accountUuid, {
          limit: query.limit,
          cursor: query.cursor ?? null,
        });
        return page.ok ? json(page.value) : page;
      },
    }),
    readRoute({
      ...one,
      path: `${PATH}/:endpoint_id`,
      operation: {
        id: 'getWebhookEndpoint',
        tag: TAG,
        summary: 'Get one webhook endpoint, without its secret',
        successes: [success(200, 'The endpoint.', webhookEndpointSchema, { example: endpointExample })],
      },
      async handle({ caller, exchange }) {
        const uuid = endpointUuid(exchange.params);
        const endpoint = uuid === null ? null : await getEndpoint(deps.db, caller.accountUuid, uuid);
        return endpoint === null ? notFound('webhook endpoint') : json(endpoint);
      },
    }),
    writeRoute({
      ...one,
      method: 'delete',
      path: `${PATH}/:endpoint_id`,
      writes: true,
      body: emptyRequestSchema,
      operation: {
        id: 'deleteWebhookEndpoint',
        tag: TAG,
        summary: 'Delete a webhook endpoint; nothing more is sent to it',
        successes: [{ status: 204, description: 'The endpoint is deleted.', content: [] }],
      },
      async handle({ caller, exchange }) {
        const uuid = endpointUuid(exchange.params);
        const gone = uuid !== null && (await deleteEndpoint(deps.db, caller.accountUuid, uuid));
        return gone ? accept({ kind: 'empty', status: 204 }) : notFound('webhook endpoint');
      },
    }),
  ];
}

function createRoute(deps: HttpDeps): Route {
  const endpointDeps = { random: deps.random, sealer: deps.webhookSealer, guard: deps.webhookGuard };
  const example = { ...endpointExample, secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=' };
  return writeRoute({
    method: 'post',
    path: PATH,
    scope: SCOPE,
    writes: true,
    body: createWebhookEndpointRequestSchema,
    bodyExample: { url: endpointExample.url, description: endpointExample.description, events: endpointExample.events },
    operation: {
      id: 'createWebhookEndpoint',
      tag: TAG,
      summary: 'Create a webhook endpoint: events are sent to its URL',
      description: 'Only this answer has the secret, so store it. When the request is repeated, `secret` is null.',
      successes: [
        success(201, 'The endpoint, with its secret.', webhookEndpointWithSecretSchema, {
          example,
          headers: { Location: 'Path of the endpoint.' },
        }),
        replaySuccess('The endpoint was created before with this request_id.', webhookEndpointWithSecretSchema, {
          example,
        }),
      ],
      refusals: ['request_id_conflict', 'state_conflict', 'not_found'],
    },
    handle({ caller, body, requestId }) {
      const { request_id: _, ...asked } = body;
      const request = { url: asked.url, description: asked.description ?? null, events: asked.events ?? [] };
      return answerPost<WebhookEndpointWithSecret>(
        deps.db,
        requestKey(caller, `POST ${PATH}`, requestId, request),
        {
          async replay(resourceId) {
            const endpointUuid = endpointIds.readUuid(resourceId);
            const endpoint =
              endpointUuid === null ? null : await getEndpoint(deps.db, caller.accountUuid, endpointUuid);
            return endpoint === null ? notFound('webhook endpoint') : accept({ ...endpoint, secret: null });
          },
          async make(commit) {
            const prepared = await prepareEndpoint(endpointDeps, { accountUuid: caller.accountUuid, ...request });
            if (!prepared.ok) return prepared;
            return commit(
              (tx) => insertEndpoint(tx, prepared.value),
              () => prepared.value.endpointUuid,
            );
          },
        },
        ({ id }) => ({ Location: `${PATH}/${id}` }),
      );
    },
  });
}
