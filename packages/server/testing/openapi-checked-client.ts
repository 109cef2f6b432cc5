/** A client for tests that holds every answer to the OpenAPI document: status, headers, media type and shape. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import {
  ERROR_CODES,
  webhookEventSchemas,
  type Batch,
  type CancelResult,
  type Estimate,
  type Problem,
  type VideoLink,
  type WebhookEndpointWithSecret,
  type ListedEvent,
} from '@rushes/contract';

interface MediaTypeObject {
  schema?: object;
}
interface ResponseObject {
  headers?: Record<string, unknown>;
  content?: Record<string, MediaTypeObject>;
}
interface OperationObject {
  operationId: string;
  responses: Record<string, ResponseObject>;
}
export interface OpenApiDocument {
  paths: Record<string, Record<string, OperationObject>>;
  components: { schemas: Record<string, object> };
}

/** The fields that tests look at, of whatever came: its shape has been compared with the document's already. */
export type AnswerBody = Omit<Problem, 'status' | 'errors'> &
  Omit<Batch, 'status'> &
  Omit<CancelResult, 'credits'> &
  Pick<Estimate, 'total'> &
  Pick<WebhookEndpointWithSecret, 'secret'> &
  VideoLink & {
    readonly status: string;
    readonly errors: readonly {
      readonly index: number;
      readonly line?: number;
      readonly param: string;
      readonly code: string;
    }[];
    readonly data: readonly { readonly id: string; readonly seq: number; readonly index: number }[];
    readonly has_more: boolean;
    readonly next_cursor: string | null;
  };

/** An answer that was read whole and found to be what the document says. */
export interface CheckedResponse<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  /** The JSON body, whose shape was compared with the document's; an empty object for other types. */
  readonly body: T;
}

export interface CheckedRequest {
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is. */
  readonly body?: string | Uint8Array | ReadableStream;
}

const PROBLEM = 'application/problem+json';

export class OpenApiCheckedClient {
  readonly #baseUrl: string;
  readonly #document: OpenApiDocument;
  readonly #ajv: Ajv2020;
  /** "operationId status" of every answer that was checked. */
  readonly seen = new Set<string>();

  constructor(baseUrl: string, document: OpenApiDocument) {
    this.#baseUrl = baseUrl;
    this.#document = document;
    this.#ajv = new Ajv2020({ strict: false, allErrors: true });
    formats.default(this.#ajv);
    this.#ajv.addSchema({ $id: 'https://openapi.test/document', ...document });
  }

  static async connect(baseUrl: string): Promise<OpenApiCheckedClient> {
    const response = await fetch(`${baseUrl}/openapi.json`);
    return new OpenApiCheckedClient(baseUrl, (await response.json()) as OpenApiDocument);
  }

  get<T = AnswerBody>(path: string, request: CheckedRequest = {}): Promise<CheckedResponse<T>> {
    return this.send('GET', path, request);
  }

  post<T = AnswerBody>(path: string, request: CheckedRequest = {}): Promise<CheckedResponse<T>> {
    return this.send('POST', path, request);
  }

  delete<T = AnswerBody>(path: string, request: CheckedRequest = {}): Promise<CheckedResponse<T>> {
    return this.send('DELETE', path, request);
  }

  async send<T = AnswerBody>(method: string, path: string, request: CheckedRequest = {}): Promise<CheckedResponse<T>> {
    const body = request.json === undefined ? request.body : JSON.stringify(request.json);
    const response = await fetch(this.#baseUrl + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(request.key === undefined ? {} : { authorization: `Bearer ${request.key}` }),
        ...(request.json === undefined ? {} : { 'content-type': 'application/json' }),
        ...request.headers,
      },
      ...(body === undefined ? {} : { body, duplex: 'half' }),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    this.#check(method, new URL(path, this.#baseUrl).pathname, response, bytes);
    const isJson = /json/.test(mediaType(response)) && !/ndjson/.test(mediaType(response)) && bytes.length > 0;
    return {
      status: response.status,
      headers: response.headers,
      bytes,
      body: (isJson ? JSON.parse(bytes.toString()) : {}) as T,
    };
  }

  #check(method: string, path: string, response: Response, bytes: Buffer): void {
    const where = `${method} ${path} answered ${response.status}`;
    const traceId = response.headers.get('x-trace-id') ?? '';
    if (!/^[0-9a-f]{32}$/.test(traceId)) throw new Error(`${where} without an x-trace-id`);
    const operation = this.#operation(method, path);
    if (operation === null) {
      // Nothing is documented here; what can come is a refusal, or an answer about the methods.
      if (response.status >= 400) this.#checkProblem(where, response, bytes, method);
      return;
    }
    const documented = operation.responses[String(response.status)];
    if (documented === undefined)
      throw new Error(
        `${where}, a status that ${operation.operationId} does not document: ${bytes.toString('utf8', 0, 500)}`,
      );
    this.seen.add(`${operation.operationId} ${response.status}`);
    if (response.status >= 400) this.#checkProblem(where, response, bytes, method);
    else this.#checkSuccess(where, documented, response, bytes, method);
    if (operation.operationId === 'listEvents' && response.status === 200) checkEvents(where, bytes);
  }

  #checkProblem(where: string, response: Response, bytes: Buffer, method: string): void {
    if (mediaType(response) !== PROBLEM) throw new Error(`${where} with ${mediaType(response)} in place of ${PROBLEM}`);
    const shouldRetry = response.headers.get('x-should-retry') ?? '';
    if (!/^(true|false)$/.test(shouldRetry)) throw new Error(`${where} without an x-should-retry`);
    if (method === 'HEAD') return;
    const problem: unknown = JSON.parse(bytes.toString());
    this.#validate(where, this.#ajv.getSchema('https://openapi.test/document#/components/schemas/Problem'), problem);
    const { code, status, trace_id: traceId } = problem as Problem;
    const mayRetry = ERROR_CODES[code].retryable || response.headers.has('retry-after');
    if (shouldRetry !== String(mayRetry)) throw new Error(`${where} with x-should-retry: ${shouldRetry} for ${code}`);
    if (status !== response.status) throw new Error(`${where} but its problem says ${status}`);
    if (traceId !== response.headers.get('x-trace-id')) throw new Error(`${where} with two trace ids`);
  }

  #checkSuccess(where: string, documented: ResponseObject, response: Response, bytes: Buffer, method: string): void {
    const type = mediaType(response);
    if (documented.content === undefined) {
      if (bytes.length > 0) throw new Error(`${where} with a body, which is not documented`);
      return;
    }
    const content = documented.content[type];
    if (content === undefined) throw new Error(`${where} with ${type}, which is not documented`);
    if (method === 'HEAD') return;
    if (type === 'application/json')
      this.#validate(where, this.#compile(content.schema ?? {}), JSON.parse(bytes.toString()));
    const lineSchema = (content as { 'x-line-schema'?: object })['x-line-schema'];
    if (lineSchema !== undefined) {
      const validate = this.#compile(lineSchema);
      for (const line of bytes.toString().split('\n')) {
        if (line !== '') this.#validate(where, validate, JSON.parse(line));
      }
    }
  }

  readonly #compiled = new Map<object, ValidateFunction>();

  #compile(schema: object): ValidateFunction {
    const known = this.#compiled.get(schema);
    if (known !== undefined) return known;
    const absolute = JSON.parse(
      JSON.stringify(schema).replaceAll('"#/components/', '"https://openapi.test/document#/components/'),
    ) as object;
    const made = this.#ajv.compile(absolute);
    this.#compiled.set(schema, made);
    return made;
  }

  #validate(where: string, validate: ValidateFunction | undefined, value: unknown): void {
    if (validate === undefined) throw new Error(`${where}: the document lacks the schema`);
    if (!validate(value)) {
      throw new Error(`${where} in a shape that is not documented: ${this.#ajv.errorsText(validate.errors)}`);
    }
  }

  #operation(method: string, path: string): OperationObject | null {
    const name = method === 'HEAD' ? 'get' : method.toLowerCase();
    const parts = path.split('/');
    const candidates = Object.entries(this.#document.paths)
      .filter(([template]) => {
        const pieces = template.split('/');
        return (
          pieces.length === parts.length && pieces.every((piece, at) => piece.startsWith('{') || piece === parts[at])
        );
      })
      // A literal piece wins over a parameter, as in the router.
      .sort(([a], [b]) => a.split('{').length - b.split('{').length);
    return candidates[0]?.[1][name] ?? null;
  }
}

function mediaType(response: Response): string {
  return (response.headers.get('content-type') ?? '').split(';')[0]?.trim() ?? '';
}

/** The list's schema leaves the data of an event open; what each type says stands with its webhook. */
function checkEvents(where: string, bytes: Buffer): void {
  const { data } = JSON.parse(bytes.toString()) as { data: ListedEvent[] };
  for (const event of data) {
    const { error } = webhookEventSchemas[event.type].safeParse(event);
    if (error !== undefined)
      throw new Error(`${where}: ${event.type} has data that is not documented: ${error.message}`);
  }
}
