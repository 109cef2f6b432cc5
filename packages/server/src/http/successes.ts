import type { z } from 'zod';
import type { SuccessDescription } from './route.ts';

interface JsonAnswer {
  readonly example?: unknown;
  /** Names of headers beside x-trace-id, with what they say. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A successful answer with one JSON document of a schema, as the OpenAPI document describes it. */
export function success(
  status: number,
  description: string,
  schema: z.ZodType,
  { example, headers }: JsonAnswer = {},
): SuccessDescription {
  return {
    status,
    description,
    content: [{ mediaType: 'application/json', schema, ...(example === undefined ? {} : { example }) }],
    ...(headers === undefined ? {} : { headers }),
  };
}

/** The answer to a request that was done before, under the same `request_id`. */
export function replaySuccess(description: string, schema: z.ZodType, answer: JsonAnswer = {}): SuccessDescription {
  return success(200, description, schema, { ...answer, headers: { 'Idempotent-Replayed': '`true`' } });
}
