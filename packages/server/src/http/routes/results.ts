import { LINK_EXPIRY_SECONDS, taskResultSchema } from '@rushes/contract';
import { z } from 'zod';
import { accept } from '../../outcome/index.ts';
import type { HttpDeps, Surroundings } from '../deps.ts';
import { notFound } from '../not-found.ts';
import { integerParameter } from '../parameters.ts';
import { renderResults, type LinkMaker } from '../results-format.ts';
import { readRoute, type Route } from '../route.ts';
import { readFirst, streamText } from '../streamed-pages.ts';
import { videoLink } from '../video-url.ts';
import { batchUuidOf, ofOneBatch } from './batches.ts';

const resultsQuery = z.strictObject({
  format: z.enum(['jsonl', 'csv']).default('jsonl'),
  links: z
    .enum(['download', 'play'])
    .exactOptional()
    .meta({ description: 'Add a signed link for this action to every task that succeeded.' }),
  expires_in: integerParameter(
    LINK_EXPIRY_SECONDS.min,
    LINK_EXPIRY_SECONDS.max,
    'Seconds that the links are valid. The default is 3,600.',
  ).default(LINK_EXPIRY_SECONDS.default),
});

const CONTENT_TYPES = { jsonl: 'application/x-ndjson', csv: 'text/csv; charset=utf-8; header=present' } as const;

/** All results of a batch in one answer. */
export function routes(deps: HttpDeps, around: Surroundings): readonly Route[] {
  return [
    readRoute({
      ...ofOneBatch(deps),
      path: '/v1/batches/:batch_id/results',
      scope: 'batches:read',
      counted: false,
      query: resultsQuery,
      operation: {
        id: 'getResults',
        tag: 'Batches',
        summary: 'Get every task of a batch in index order, streamed; also before the batch has ended',
        description:
          'The results are complete only when the response ends normally; after an error the connection is cut. The request does not count towards the requests per minute. In CSV, text that a spreadsheet would run as a formula has a single quote in front.',
        successes: [
          {
            status: 200,
            description: 'The results, one line per task.',
            content: [
              { mediaType: 'application/x-ndjson', schema: taskResultSchema, lines: true },
              { mediaType: 'text/csv', schema: 'text' },
            ],
            headers: { 'Content-Disposition': 'A file name.' },
          },
        ],
      },
      async handle({ caller, exchange, query }) {
        const batchUuid = batchUuidOf(exchange.params);
        const tasks = batchUuid === null ? null : await deps.batches.results(caller, batchUuid, {});
        if (tasks === null) return notFound('batch');
        const { accountUuid } = caller;
        const { links: action } = query;
        const expiresAt = new Date(deps.clock.now().getTime() + query.expires_in * 1_000);
        const makeLink: LinkMaker =
          action === undefined
            ? null
            : (task) =>
                videoLink(deps.linkSigner, around.publicUrl(), { accountUuid, taskId: task.id, action, expiresAt });
        return accept({
          kind: 'stream',
          status: 200,
          contentType: CONTENT_TYPES[query.format],
          headers: {
            'Content-Disposition': `attachment; filename="${exchange.params['batch_id'] ?? ''}.${query.format}"`,
            'Cache-Control': 'no-store',
          },
          open: async () => streamText(renderResults(await readFirst(tasks), query.format, makeLink)),
        });
      },
    }),
  ];
}
