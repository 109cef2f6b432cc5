import { readFile } from 'node:fs/promises';
import { createBatchRequestSchema } from '@rushes/contract';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { openApiSnapshot } from '../../testing/openapi-snapshot.ts';

interface Content {
  schema?: object;
  example?: unknown;
}
interface Operation {
  operationId: string;
  security: unknown[];
  requestBody?: { content: Record<string, Content> };
  responses: Record<string, { headers?: Record<string, unknown>; content?: Record<string, Content> }>;
}

const document = JSON.parse(openApiSnapshot()) as {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
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

  it('the request of the reference is accepted by the contract', () => {
    const example = document.paths['/v1/batches']?.['post']?.requestBody?.content['application/json']?.example;
    expect(createBatchRequestSchema.safeParse(example).success).toBe(true);
  });
});
