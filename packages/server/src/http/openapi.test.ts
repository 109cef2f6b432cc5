import { readFile } from 'node:fs/promises';
import { createBatchRequestSchema, EVENT_TYPES, webhookEventSchemas, type EventType } from '@rushes/contract';
import { parseSubmission } from '../batches/index.ts';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { openApiSnapshot } from '../../testing/openapi-snapshot.ts';

interface Content {
  schema?: object;
  example?: unknown;
}
interface Parameter {
  name: string;
  in: string;
}
interface Operation {
  parameters?: Parameter[];
  operationId: string;
  security: unknown[];
  requestBody?: { content: Record<string, Content> };
  responses: Record<string, { headers?: Record<string, unknown>; content?: Record<string, Content> }>;
}

const document = JSON.parse(openApiSnapshot()) as {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  webhooks: Record<string, { post: Operation }>;
  components: { schemas: Record<string, { required?: string[] }> };
};
const operations = Object.values(document.paths).flatMap((path) => Object.values(path));

describe('the OpenAPI document', () => {
  it('is committed as docs/openapi.json in its present form; `npm run openapi -w packages/server` writes it', async () => {
    const committed = await readFile(new URL('../../../../docs/openapi.json', import.meta.url), 'utf8');
    expect(committed).toBe(openApiSnapshot());
  });

  it('names each operation once', () => {
    const ids = operations.map((operation) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(document.openapi).toBe('3.1.0');
  });

  it('every answer has a trace id; every keyed operation can answer 401 and 429', () => {
    for (const { operationId, responses, security } of operations) {
      for (const response of Object.values(responses))
        expect([operationId, response.headers]).toEqual([
          operationId,
          expect.objectContaining({ 'x-trace-id': expect.anything() }),
        ]);
      if (security.length > 0)
        expect(Object.keys(responses)).toEqual(expect.arrayContaining(['401', '429', '500', '503']));
    }
  });

  it('its JSON examples are what its schemas say', () => {
    const ajv = new Ajv2020({ strict: false });
    formats.default(ajv);
    ajv.addSchema({ $id: 'https://openapi.test/examples', ...document });
    const bodies = operations.flatMap((operation) => [
      ...Object.entries(operation.requestBody?.content ?? {}),
      ...Object.values(operation.responses).flatMap((response) => Object.entries(response.content ?? {})),
    ]);
    const examples = bodies.filter(([type, content]) => type === 'application/json' && content.example !== undefined);
    expect(examples.length).toBeGreaterThan(10);
    for (const [, content] of examples) {
      const schema = JSON.parse(
        JSON.stringify(content.schema).replaceAll('"#/', '"https://openapi.test/examples#/'),
      ) as object;
      expect([ajv.validate(schema, content.example), ajv.errors, content.example]).toEqual([
        true,
        null,
        content.example,
      ]);
    }
  });

  it('its webhooks are the events, with examples that are what their schemas say', () => {
    expect(Object.keys(document.webhooks)).toEqual(EVENT_TYPES);
    for (const [type, { post }] of Object.entries(document.webhooks)) {
      const example = post.requestBody?.content['application/json']?.example;
      expect([type, webhookEventSchemas[type as EventType].safeParse(example).error]).toEqual([type, undefined]);
    }
  });

  it('the request of the reference is accepted by the contract', () => {
    const example = document.paths['/v1/batches']?.['post']?.requestBody?.content['application/json']?.example;
    expect(createBatchRequestSchema.safeParse(example).success).toBe(true);
  });
});

describe('the document and the validator', () => {
  const ajv = new Ajv2020({ strict: false });
  formats.default(ajv);
  ajv.addSchema({ $id: 'https://openapi.test/requests', ...document });
  const matches = ajv.compile({ $ref: 'https://openapi.test/requests#/components/schemas/CreateBatchRequest' });

  const request = (more: object): object => ({
    request_id: 'r',
    model: 'veo-pro',
    items: Array.from({ length: 5 }, () => ({ prompt: 'p' })),
    ...more,
  });
  const withItem = (item: object): object =>
    request({ items: [...Array.from({ length: 4 }, () => ({ prompt: 'p' })), item] });
  const items = (count: number): object => request({ items: Array.from({ length: count }, () => ({ prompt: 'p' })) });
  const metadata = (count: number): Record<string, string> =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, 'v']));

  it.each<[boolean, string, object]>([
    [true, 'a prompt of 5,000 characters that are two units each', withItem({ prompt: '🎬'.repeat(5_000) })],
    [false, 'a prompt of 5,001 characters', withItem({ prompt: 'x'.repeat(5_001) })],
    [false, 'an empty prompt', withItem({ prompt: '' })],
    [true, '5 items', items(5)],
    [false, '4 items', items(4)],
    [true, '10,000 items', items(10_000)],
    [false, '10,001 items', items(10_001)],
    [true, '16 metadata keys', request({ metadata: metadata(16) })],
    [false, '17 metadata keys', request({ metadata: metadata(17) })],
    [true, 'a metadata key of 64', request({ metadata: { ['🎬'.repeat(64)]: '' } })],
    [false, 'a metadata key of 65', request({ metadata: { ['k'.repeat(65)]: '' } })],
    [false, 'an empty metadata key', request({ metadata: { '': 'v' } })],
    [true, 'a metadata value of 512', request({ metadata: { k: '🎬'.repeat(512) } })],
    [false, 'a metadata value of 513', request({ metadata: { k: 'v'.repeat(513) } })],
    [true, 'a custom_id of 128', withItem({ prompt: 'p', custom_id: 'x'.repeat(128) })],
    [false, 'a custom_id of 129', withItem({ prompt: 'p', custom_id: 'x'.repeat(129) })],
    [false, 'a custom_id of dots', withItem({ prompt: 'p', custom_id: '..' })],
    [true, 'a parameter', request({ defaults: { aspect_ratio: '9:16' } })],
    [false, 'a value that no model accepts', request({ defaults: { aspect_ratio: '1:1' } })],
    [false, 'a parameter that does not exist', request({ defaults: { colour: 'red' } })],
    [true, 'a deadline of 720 hours', request({ deadline_hours: 720 })],
    [false, 'a deadline of 721 hours', request({ deadline_hours: 721 })],
    [false, 'a negative spend limit', request({ spend_limit: -1 })],
    [false, 'a failure rate above 1', request({ max_failure_rate: 1.5 })],
    [false, 'a request_id of 256', request({ request_id: 'r'.repeat(256) })],
  ])('agree (%s): %s', (isRight, _, body) => {
    const parsed = parseSubmission(
      { contentType: 'application/json', body: Buffer.from(JSON.stringify(body)), query: new Map() },
      'create',
    );
    const verdicts = [parsed.ok, matches(body), createBatchRequestSchema.safeParse(body).success];
    expect(verdicts).toEqual([isRight, isRight, isRight]);
  });

  it('a request_id may stand in the header instead of the body', () => {
    const create = document.paths['/v1/batches']?.['post'];
    expect(document.components.schemas['CreateBatchRequest']?.required).toEqual(['model', 'items']);
    expect(create?.parameters).toContainEqual(expect.objectContaining({ name: 'Idempotency-Key', in: 'header' }));
    const { request_id: _, ...body } = request({}) as Record<string, unknown>;
    expect(matches(body)).toBe(true);
    const parsed = parseSubmission(
      {
        contentType: 'application/json',
        body: Buffer.from(JSON.stringify(body)),
        query: new Map(),
        idempotencyKey: 'r',
      },
      'create',
    );
    expect(parsed.ok).toBe(true);
  });
});
