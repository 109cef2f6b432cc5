import type { emptyRequestSchema, KeyUuid } from '@rushes/contract';
import { type ErrorCode, type Scope } from '@rushes/contract';
import { z } from 'zod';
import type { Caller } from '../accounts/index.ts';
import { accept, refuse, type Outcome } from '../outcome/index.ts';
import type { HttpDeps, Surroundings } from './deps.ts';
import type { Answer, Exchange } from './exchange.ts';
import { parseJsonBody } from './json-body.ts';
import { SMALL_BODY_MAX_BYTES } from './limits.ts';
import { refuseMediaType } from './media-type.ts';
import { parseQueryString } from './query-string.ts';
import { agreeOnRequestId, idempotencyKey } from './request-id.ts';
import { validate } from './validation.ts';

/**
 * Who may call a route. `writes`: refused to suspended accounts. `counted`: against the key's requests per minute.
 * `operator`: holders of an operator key.
 */
export type Access =
  | { readonly kind: 'public' }
  | { readonly kind: 'operator' }
  | { readonly kind: 'key'; readonly scope: Scope | null; readonly writes: boolean; readonly counted: boolean };

/** What a media type of a body holds: a schema, lines of a schema's JSON, or bytes. */
export interface BodyContent {
  readonly mediaType: string;
  readonly schema: z.ZodType | 'text' | 'binary';
  /** Each line of the body is one JSON document of the schema. */
  readonly lines?: boolean;
  readonly example?: unknown;
}

export interface SuccessDescription {
  readonly status: number;
  readonly description: string;
  readonly content: readonly BodyContent[];
  /** Names of headers beside x-trace-id, with what they say. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** What the OpenAPI document says of a route beyond what follows from how it is called. */
export interface Operation {
  readonly id: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly params?: Readonly<Record<string, string>>;
  readonly query: z.ZodObject | null;
  /** The query takes more names than `query` lists; the handler checks them. */
  readonly openQuery?: boolean;
  readonly body: readonly BodyContent[];
  readonly successes: readonly SuccessDescription[];
  /** Codes beside those that every such route can answer with; left out, there are none. */
  readonly refusals?: readonly ErrorCode[];
}

/** One operation of the API: the router, the OpenAPI document and the 405s are all made from these. */
export interface Route {
  readonly method: 'get' | 'post' | 'patch' | 'delete';
  /** With `:name` for path parameters. */
  readonly path: string;
  readonly access: Access;
  readonly operation: Operation;
  /** `caller` is null unless the route is for account keys, `operator` unless it is for operator keys. */
  answer(exchange: Exchange, caller: Caller | null, operator: Operator | null): Promise<Outcome<Answer>>;
}

/** What a file of routes/ exports as `routes`. */
export type RoutesOf = (deps: HttpDeps, around: Surroundings) => readonly Route[];

/** Whoever holds an operator key. */
export interface Operator {
  readonly keyUuid: KeyUuid;
}

export interface KeyedRequest<Q, B> {
  readonly caller: Caller;
  readonly exchange: Exchange;
  readonly query: Q;
  readonly body: B;
  /** From the body or the Idempotency-Key header. */
  readonly requestId: string | null;
}

const noQuery = z.strictObject({});

interface KeyedRouteSpec<Q extends z.ZodObject> {
  readonly path: string;
  readonly scope: Scope | null;
  /** Defaults to true. */
  readonly counted?: boolean;
  readonly query?: Q;
  /**
   * Whether the object in the path exists; asked when the request is otherwise invalid, since an unknown object is
   * reported before a bad parameter.
   */
  readonly exists?: (caller: Caller, params: Exchange['params']) => Promise<boolean>;
  readonly missing?: Outcome<never>;
  readonly operation: Omit<Operation, 'query' | 'body'>;
}

export interface ReadRouteSpec<Q extends z.ZodObject> extends KeyedRouteSpec<Q> {
  handle(request: KeyedRequest<z.output<Q>, null>): Promise<Outcome<Answer>>;
}

export interface WriteRouteSpec<
  Q extends z.ZodObject,
  B extends z.ZodType<{ request_id?: string }>,
> extends KeyedRouteSpec<Q> {
  readonly method: 'post' | 'patch' | 'delete';
  readonly writes: boolean;
  readonly body: B;
  readonly bodyExample?: unknown;
  handle(request: KeyedRequest<z.output<Q>, z.output<B>>): Promise<Outcome<Answer>>;
}

export function requireCaller(caller: Caller | null): Caller {
  if (caller === null) throw new Error('a route that needs a key was called without a caller');
  return caller;
}

/** The parameters of the query by a schema. */
export function parseQuery<Q extends z.ZodObject>(schema: Q, exchange: Exchange): Outcome<z.output<Q>> {
  const parameters = parseQueryString(exchange.query);
  if (!parameters.ok) return parameters;
  return validate(schema, Object.fromEntries(parameters.value), Object.keys(schema.shape));
}

/** A refusal for a bad request, or for the object in the path when that does not even exist. */
async function refuseUnlessMissing<Q extends z.ZodObject>(
  spec: KeyedRouteSpec<Q>,
  caller: Caller,
  exchange: Exchange,
  refused: Outcome<never>,
): Promise<Outcome<never>> {
  if (spec.exists === undefined || (await spec.exists(caller, exchange.params))) return refused;
  return spec.missing ?? refuse({ code: 'not_found', detail: 'There is no such object in this account.' });
}

/** A GET route for holders of a key. */
export function readRoute<Q extends z.ZodObject = typeof noQuery>(spec: ReadRouteSpec<Q>): Route {
  return {
    method: 'get',
    path: spec.path,
    access: { kind: 'key', scope: spec.scope, writes: false, counted: spec.counted ?? true },
    operation: { ...spec.operation, query: spec.query ?? null, body: [] },
    async answer(exchange, maybeCaller) {
      const caller = requireCaller(maybeCaller);
      const query = parseQuery((spec.query ?? noQuery) as Q, exchange);
      if (!query.ok) return refuseUnlessMissing(spec, caller, exchange, query);
      return spec.handle({ caller, exchange, query: query.value, body: null, requestId: null });
    },
  };
}

/** A POST, PATCH or DELETE route with a small JSON body, or none. */
export function writeRoute<
  Q extends z.ZodObject = typeof noQuery,
  B extends z.ZodType<{ request_id?: string }> = typeof emptyRequestSchema,
>(spec: WriteRouteSpec<Q, B>): Route {
  const names = spec.body instanceof z.ZodObject ? Object.keys(spec.body.shape) : [];
  const parse = async (
    exchange: Exchange,
  ): Promise<Outcome<{ query: z.output<Q>; body: z.output<B>; requestId: string | null }>> => {
    const media = refuseMediaType(exchange, ['application/json']);
    if (media !== null) return media;
    const bytes = await exchange.readBody(SMALL_BODY_MAX_BYTES);
    if (!bytes.ok) return bytes;
    const query = parseQuery((spec.query ?? noQuery) as Q, exchange);
    if (!query.ok) return query;
    const object = parseJsonBody(bytes.value);
    if (!object.ok) return object;
    const body = validate(spec.body, object.value, names);
    if (!body.ok) return body;
    const header = idempotencyKey(exchange);
    if (!header.ok) return header;
    const requestId = agreeOnRequestId(header.value, body.value.request_id ?? null);
    if (!requestId.ok) return requestId;
    return accept({ query: query.value, body: body.value, requestId: requestId.value });
  };
  return {
    method: spec.method,
    path: spec.path,
    access: { kind: 'key', scope: spec.scope, writes: spec.writes, counted: spec.counted ?? true },
    operation: {
      ...spec.operation,
      query: spec.query ?? null,
      body:
        spec.method === 'delete'
          ? []
          : [
              {
                mediaType: 'application/json',
                schema: spec.body,
                ...(spec.bodyExample === undefined ? {} : { example: spec.bodyExample }),
              },
            ],
    },
    async answer(exchange, maybeCaller) {
      const caller = requireCaller(maybeCaller);
      const parsed = await parse(exchange);
      if (!parsed.ok) return refuseUnlessMissing(spec, caller, exchange, parsed);
      return spec.handle({ caller, exchange, ...parsed.value });
    },
  };
}
