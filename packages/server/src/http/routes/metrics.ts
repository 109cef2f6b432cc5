import { accept } from '../../outcome/index.ts';
import type { HttpDeps } from '../deps.ts';
import type { Route } from '../route.ts';

/** Counts of this process, for those who hold an operator key, or for everybody where they are public. */
function metricsRoute(deps: HttpDeps): Route {
  return {
    method: 'get',
    path: '/metrics',
    access: { kind: deps.metricsArePublic ? 'public' : 'operator' },
    operation: {
      id: 'getMetrics',
      tag: 'Server',
      summary: 'Get the metrics of this process, for Prometheus',
      description: 'Needs an operator key in production. docs/metrics.md lists the metrics.',
      query: null,
      body: [],
      successes: [
        {
          status: 200,
          description: 'The text format of Prometheus.',
          content: [{ mediaType: 'text/plain', schema: 'text' }],
        },
      ],
    },
    answer: async () =>
      accept({
        kind: 'text' as const,
        status: 200,
        contentType: deps.metrics.contentType,
        body: await deps.metrics.read(),
        headers: { 'Cache-Control': 'no-store' },
      }),
  };
}

export function routes(deps: HttpDeps): readonly Route[] {
  return [metricsRoute(deps)];
}
