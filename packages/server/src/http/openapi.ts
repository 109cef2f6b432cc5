import {
  ERROR_CODES,
  EVENTS,
  EVENT_TYPES,
  ITEM_LIMITS,
  problemSchema,
  webhookEventSchemas,
  type ErrorCode,
  type EventType,
  type Sample,
} from '@rushes/contract';
import {
  createDocument,
  type ZodOpenApiContentObject,
  type ZodOpenApiHeaderObject,
  type ZodOpenApiOperationObject,
  type ZodOpenApiResponsesObject,
} from 'zod-openapi';
import { z } from 'zod';
import { PROBLEM_CONTENT_TYPE } from './problem.ts';
import type { BodyContent, Route } from './route.ts';

/** Headers that many answers have: described once, named by the answers. */
const HEADERS = {
  'x-trace-id': { description: "Identifies this exchange in the server's log.", schema: { type: 'string' } },
  'x-should-retry': {
    description: 'Whether the same request, sent again unchanged, may succeed.',
    schema: { type: 'string', enum: ['true', 'false'] },
  },
  'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer' } },
  RateLimit: {
    description: 'Requests left for this key, and seconds until one more is allowed.',
    schema: { type: 'string' },
  },
  'RateLimit-Policy': { description: 'Requests per window of seconds.', schema: { type: 'string' } },
} satisfies Record<string, ZodOpenApiHeaderObject>;

type HeaderReferences = Record<string, { $ref: `#/components/headers/${string}` }>;

function headers(...names: readonly (keyof typeof HEADERS)[]): HeaderReferences {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` as const }]));
}

/** `/v1/batches/:batch_id` as OpenAPI writes it. */
function pathTemplate(path: string): string {
  return path.replaceAll(/:([a-z_]+)/g, '{$1}');
}

function paramNames(path: string): string[] {
  return [...path.matchAll(/:([a-z_]+)/g)].flatMap((match) => match[1] ?? []);
}

/** The codes that a route can answer with: those that follow from how it is called, and its own. */
function refusalCodes(route: Route): ReadonlySet<ErrorCode> {
  const codes = new Set<ErrorCode>([
    'invalid_request',
    'internal_error',
    'unavailable',
    ...(route.operation.refusals ?? []),
  ]);
  if (route.access.kind === 'operator') codes.add('unauthorized').add('rate_limited');
  if (route.access.kind !== 'public') {
    if (route.method !== 'get') codes.add('payload_too_large').add('unsupported_media_type').add('request_timeout');
    if (paramNames(route.path).length > 0) codes.add('not_found');
  }
  if (route.access.kind === 'key') {
    codes.add('unauthorized').add('rate_limited');
    if (route.access.scope !== null) codes.add('forbidden');
    if (route.access.writes) codes.add('account_suspended');
  }
  return codes;
}

function componentName(schema: z.ZodType): string {
  const name = schema.meta()?.id;
  if (name === undefined) throw new Error('the schema of a line needs a name');
  return name;
}

/** Schemas of lines, which no media type object refers to. */
function lineSchemas(routes: readonly Route[]): Record<string, z.ZodType> {
  const schemas: Record<string, z.ZodType> = {};
  for (const { mediaType: _, schema, lines } of routes.flatMap((route) =>
    route.operation.successes.flatMap((success) => success.content),
  )) {
    if (lines === true && typeof schema !== 'string') schemas[componentName(schema)] = schema;
  }
  return schemas;
}

function content(bodies: readonly BodyContent[]): ZodOpenApiContentObject {
  return Object.fromEntries(
    bodies.map((body) => {
      const example = body.example === undefined ? {} : { example: body.example };
      if (typeof body.schema !== 'string' && body.lines === true) {
        // OpenAPI 3.1 has no words for a stream of documents; 3.2 calls this itemSchema.
        const line = { 'x-line-schema': { $ref: `#/components/schemas/${componentName(body.schema)}` } };
        return [body.mediaType, { schema: { type: 'string' as const }, ...line, ...example }];
      }
      if (body.schema === 'text') return [body.mediaType, { schema: { type: 'string' as const }, ...example }];
      if (body.schema === 'binary') return [body.mediaType, { schema: {} }];
      return [body.mediaType, { schema: body.schema, ...example }];
    }),
  );
}

function problemResponses(route: Route): ZodOpenApiResponsesObject {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of refusalCodes(route)) {
    const { status } = ERROR_CODES[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus]
      .sort(([a], [b]) => a - b)
      .map(([status, codes]) => [
        String(status),
        {
          description: codes.map((code) => `\`${code}\`: ${ERROR_CODES[code].title}.`).join(' '),
          headers: {
            ...headers('x-trace-id', 'x-should-retry'),
            ...(status === 429 || status === 503 ? headers('Retry-After') : {}),
            ...(status === 429 ? headers('RateLimit', 'RateLimit-Policy') : {}),
          },
          content: { [PROBLEM_CONTENT_TYPE]: { schema: problemSchema } },
        },
      ]),
  );
}

function successResponses(route: Route): ZodOpenApiResponsesObject {
  const isCounted = route.access.kind === 'operator' || (route.access.kind === 'key' && route.access.counted);
  const rate = isCounted ? headers('RateLimit', 'RateLimit-Policy') : {};
  return Object.fromEntries(
    route.operation.successes.map((success) => {
      const own = Object.fromEntries(
        Object.entries(success.headers ?? {}).map(([name, description]) => [
          name,
          { description, schema: { type: 'string' as const } },
        ]),
      );
      return [
        String(success.status),
        {
          description: success.description,
          headers: { ...headers('x-trace-id'), ...rate, ...own },
          ...(success.content.length === 0 ? {} : { content: content(success.content) }),
        },
      ];
    }),
  );
}

const EXAMPLES_AT_MS = Date.parse('2026-11-20T09:37:00.000Z');

const DOCUMENT_SAMPLE: Sample = {
  batchId: 'bat_2k1Kx2ZtPq7wYc9RDfVh3T',
  taskId: 'tsk_8mXbTzq4WnVdKs2LrYpJ7cFhG5Ea9',
  endpointId: 'whe_5nQ8sVbYkTq3mWc7RdFh2J',
  requestId: 'spring-campaign-1',
  at: (minutesAgo) => new Date(EXAMPLES_AT_MS - minutesAgo * 60_000).toISOString(),
};

const idempotencyKeyHeader = z.object({
  'Idempotency-Key': z
    .string()
    .regex(ITEM_LIMITS.requestIdPattern)
    .meta({ description: 'Can be sent instead of `request_id`.' })
    .exactOptional(),
});

function toOperation(route: Route): ZodOpenApiOperationObject {
  const { operation, access } = route;
  const params = Object.fromEntries(
    paramNames(route.path).map((name) => [name, z.string().meta({ description: operation.params?.[name] ?? '' })]),
  );
  const description = [
    ...(operation.description === undefined ? [] : [operation.description]),
    ...(access.kind === 'key' && access.scope !== null ? [`Needs a key with the scope \`${access.scope}\`.`] : []),
  ].join('\n\n');
  return {
    operationId: operation.id,
    tags: [operation.tag],
    summary: operation.summary,
    ...(description === '' ? {} : { description }),
    security: access.kind === 'public' ? [] : access.kind === 'operator' ? [{ operatorKey: [] }] : [{ apiKey: [] }],
    requestParams: {
      ...(Object.keys(params).length === 0 ? {} : { path: z.object(params) }),
      ...(operation.query === null ? {} : { query: operation.query }),
      ...(route.method === 'post' && access.kind === 'key' ? { header: idempotencyKeyHeader } : {}),
    },
    ...(operation.body.length === 0 ? {} : { requestBody: { content: content(operation.body) } }),
    responses: { ...successResponses(route), ...problemResponses(route) },
  };
}

/** What is sent to a customer's endpoint when an event happens. */
function webhookOperation(type: EventType): ZodOpenApiOperationObject {
  const { when, example } = EVENTS[type];
  const data = example(DOCUMENT_SAMPLE);
  return {
    operationId: `webhook.${type}`,
    tags: ['Webhooks'],
    summary: `Sent when ${when}`,
    requestBody: {
      content: {
        'application/json': {
          schema: webhookEventSchemas[type],
          example: { id: 'evt_2k1Kx2ZtPq7wYc9RDfVh3T', type, created_at: DOCUMENT_SAMPLE.at(0), data },
        },
      },
    },
    responses: { '2XX': { description: 'The event was received. After any other answer the server tries again.' } },
  };
}

/** The OpenAPI 3.1 document of a table of routes. */
export function createOpenApiDocument(routes: readonly Route[], version: string, serverUrl: string): object {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  for (const route of routes) {
    const template = pathTemplate(route.path);
    paths[template] = { ...paths[template], [route.method]: toOperation(route) };
  }
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Rushes',
      version,
      description: 'Batch AI-video generation with a credit ledger. Errors are problem documents of RFC 9457.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: serverUrl }],
    tags: [...new Set(routes.map((route) => route.operation.tag))].map((name) => ({ name })),
    paths,
    webhooks: Object.fromEntries(EVENT_TYPES.map((type) => [type, { post: webhookOperation(type) }])),
    components: {
      schemas: lineSchemas(routes),
      headers: HEADERS,
      securitySchemes: {
        apiKey: { type: 'http', scheme: 'bearer', description: 'An account key, `rk_live_...` or `rk_test_...`.' },
        operatorKey: { type: 'http', scheme: 'bearer', description: 'An operator key, `ro_...`.' },
      },
    },
  });
}
