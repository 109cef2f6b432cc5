import { z } from 'zod';
import { accept, refuse } from '../../outcome/index.ts';
import type { HttpDeps, Surroundings } from '../deps.ts';
import { json } from '../exchange.ts';
import type { Route, SuccessDescription } from '../route.ts';
import { success } from '../successes.ts';

const healthSchema = z.object({ status: z.literal('ok') }).meta({ id: 'Health' });

/** Liveness, readiness and the description of the API itself. */
export function routes(deps: HttpDeps, { stopping, openApi }: Surroundings): readonly Route[] {
  const health = (description: string): SuccessDescription =>
    success(200, description, healthSchema, { example: { status: 'ok' } });
  return [
    {
      method: 'get',
      path: '/healthz',
      access: { kind: 'public' },
      operation: {
        id: 'getHealth',
        tag: 'Server',
        summary: 'Check that the process is running',
        query: null,
        body: [],
        successes: [health('The process is running.')],
      },
      answer: async () => json({ status: 'ok' }),
    },
    {
      method: 'get',
      path: '/readyz',
      access: { kind: 'public' },
      operation: {
        id: 'getReadiness',
        tag: 'Server',
        summary:
          'Check that the server can serve requests: the database answers, its schema is current, and the server is not stopping',
        query: null,
        body: [],
        successes: [health('The server can serve requests.')],
        refusals: ['unavailable'],
      },
      async answer() {
        if (stopping.aborted) {
          return refuse({
            code: 'unavailable',
            detail: 'The server is stopping. Send the request again in a moment.',
            retryAfterSeconds: 1,
          });
        }
        const pending = await deps.pendingMigrations();
        if (pending.length === 0) return json({ status: 'ok' });
        return refuse({
          code: 'unavailable',
          detail: `The database is missing ${pending.length} migrations; the first is ${pending[0] ?? ''}. Run "rushes-server migrate".`,
          retryAfterSeconds: 5,
        });
      },
    },
    {
      method: 'get',
      path: '/openapi.json',
      access: { kind: 'public' },
      operation: {
        id: 'getOpenApi',
        tag: 'Server',
        summary: 'Get this OpenAPI document',
        query: null,
        body: [],
        successes: [success(200, 'OpenAPI 3.1.', z.looseObject({ openapi: z.string() }))],
      },
      answer: async () =>
        accept({
          kind: 'text' as const,
          status: 200,
          contentType: 'application/json; charset=utf-8',
          body: JSON.stringify(openApi()),
          headers: { 'Cache-Control': 'public, max-age=300' },
        }),
    },
  ];
}
