import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OpenApiCheckedClient, type OpenApiDocument } from './openapi-checked-client.ts';

/** What the server below answers next. */
let next: { status: number; headers: Record<string, string>; body: string };
let server: Server;
let client: OpenApiCheckedClient;

const traceId = 'a'.repeat(32);
const refusedHeaders = {
  'x-trace-id': traceId,
  'x-should-retry': 'false',
  'content-type': 'application/problem+json',
};
const good = { status: 200, headers: { 'x-trace-id': traceId, 'content-type': 'application/json' }, body: '{"id":1}' };
const problem = { code: 'not_found', status: 404, trace_id: traceId };

const document: OpenApiDocument = {
  paths: {
    '/things/{id}': {
      get: {
        operationId: 'getThing',
        responses: {
          200: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Thing' } } } },
          404: {},
        },
      },
    },
  },
  components: {
    schemas: {
      Thing: { type: 'object', properties: { id: { type: 'integer' } }, required: ['id'], additionalProperties: false },
      Problem: { type: 'object', required: ['status', 'trace_id'] },
    },
  },
};

beforeAll(async () => {
  server = createServer((_req, res) => {
    res.writeHead(next.status, next.headers).end(next.body);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  client = new OpenApiCheckedClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, document);
});
afterAll(() => {
  server.close();
});

const get = (answer: typeof next) => {
  next = answer;
  return client.get('/things/1');
};

describe('the checked client', () => {
  it('passes what the document says', async () => {
    expect((await get(good)).body).toEqual({ id: 1 });
    expect(client.seen).toContain('getThing 200');
  });

  it.each([
    ['without a trace id', { ...good, headers: { 'content-type': 'application/json' } }, 'x-trace-id'],
    ['a status that is not documented', { ...good, status: 418 }, 'does not document'],
    ['another media type', { ...good, headers: { ...good.headers, 'content-type': 'text/plain' } }, 'not documented'],
    ['a field too many', { ...good, body: '{"id":1,"more":2}' }, 'shape'],
    ['a field too few', { ...good, body: '{}' }, 'shape'],
    ['an error that is no problem document', { ...good, status: 404 }, 'application/problem+json'],
    [
      'a problem of another exchange',
      {
        status: 404,
        headers: refusedHeaders,
        body: JSON.stringify({ ...problem, trace_id: 'other' }),
      },
      'two trace ids',
    ],
    [
      'a problem that does not say whether to send the request again',
      {
        status: 404,
        headers: { 'x-trace-id': traceId, 'content-type': 'application/problem+json' },
        body: JSON.stringify(problem),
      },
      'without an x-should-retry',
    ],
    [
      'a problem that asks for a request that cannot succeed',
      { status: 404, headers: { ...refusedHeaders, 'x-should-retry': 'true' }, body: JSON.stringify(problem) },
      'x-should-retry: true for not_found',
    ],
  ])('fails on %s', async (_name, answer, message) => {
    await expect(get(answer as typeof next)).rejects.toThrow(message);
  });
});
