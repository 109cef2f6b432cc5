import {
  creditsSchema,
  exportedLedgerEntrySchema,
  ledgerEntrySchema,
  ledgerExportHeaderSchema,
  ledgerExportSchema,
  pageSchema,
} from '@rushes/contract';
import { z } from 'zod';
import { accept } from '../../outcome/index.ts';
import {
  LEDGER_EXPORT_FORMATS,
  credits,
  ledgerExportType,
  listEntries,
  renderLedgerExport,
} from '../../ledger/index.ts';
import { awaitSeal, openExport } from '../../sealing/index.ts';
import type { HttpDeps } from '../deps.ts';
import { json } from '../exchange.ts';
import { cursorParameter, exactTimeParameter, limitParameter, orderParameter } from '../parameters.ts';
import { readRoute, type Route } from '../route.ts';
import { success } from '../successes.ts';
import { readFirst, streamText } from '../streamed-pages.ts';

const TAG = 'Ledger';
const SCOPE = 'ledger:read';

const exportQuery = z.strictObject({
  format: z.enum(LEDGER_EXPORT_FORMATS).default('csv'),
  from: exactTimeParameter.meta({ description: 'Only entries from this time on.' }).exactOptional(),
  to: exactTimeParameter.meta({ description: 'Only entries before this time.' }).exactOptional(),
});

/** What the account has, and every movement of it. */
export function routes(deps: HttpDeps): readonly Route[] {
  return [
    readRoute({
      path: '/v1/credits',
      scope: SCOPE,
      operation: {
        id: 'getCredits',
        tag: TAG,
        summary: 'Get the credits of the account: available, reserved for batches, spent, issued in total, and debt',
        successes: [
          success(200, 'The credits. One credit has a list value of one US cent.', creditsSchema, {
            example: { available: 95_100, reserved: 4_900, spent: 100_000, issued: 200_000, debt: 0 },
          }),
        ],
      },
      handle: async ({ caller }) => json(await credits(deps.db, caller.accountUuid)),
    }),
    readRoute({
      path: '/v1/ledger',
      scope: SCOPE,
      query: z.strictObject({ limit: limitParameter, cursor: cursorParameter, order: orderParameter }),
      operation: {
        id: 'listLedgerEntries',
        tag: TAG,
        summary: 'List ledger entries, newest first',
        successes: [success(200, 'One page.', pageSchema(ledgerEntrySchema))],
      },
      async handle({ caller, query }) {
        const page = await listEntries(deps.db, caller.accountUuid, { ...query, cursor: query.cursor ?? null });
        return page.ok ? json(page.value) : page;
      },
    }),
    exportRoute(deps),
  ];
}

/** A batch that has just ended is sealed within a second. */
const SEAL_WAIT_MS = 2_000;

function exportRoute(deps: HttpDeps): Route {
  return readRoute({
    path: '/v1/ledger/export',
    scope: SCOPE,
    query: exportQuery,
    operation: {
      id: 'exportLedger',
      tag: TAG,
      summary: 'Export ledger entries with a signed checkpoint, oldest first, streamed',
      description:
        'A header with the checkpoint and the hashes to recompute its root (see docs/ledger-verification.md), then the entries. The export is complete only when the response ends normally; after an error the connection is cut. In CSV, text that a spreadsheet would run as a formula has a single quote in front.',
      successes: [
        {
          status: 200,
          description: 'The entries.',
          content: [
            { mediaType: 'text/csv', schema: 'text' },
            { mediaType: 'application/json', schema: ledgerExportSchema },
            {
              mediaType: 'application/x-ndjson',
              schema: z.union([ledgerExportHeaderSchema, exportedLedgerEntrySchema]).meta({ id: 'LedgerExportLine' }),
              lines: true,
            },
          ],
          headers: { 'Content-Disposition': 'A file name.' },
        },
      ],
    },
    async handle({ caller, query }) {
      return accept({
        kind: 'stream',
        status: 200,
        contentType: ledgerExportType(query.format),
        headers: {
          'Content-Disposition': `attachment; filename="rushes-ledger.${query.format}"`,
          'Cache-Control': 'no-store',
        },
        async open() {
          await awaitSeal(deps.db, deps.clock, caller.accountUuid, SEAL_WAIT_MS);
          const { header, pages } = await openExport(deps.db, caller.accountUuid, {
            from: query.from ?? null,
            to: query.to ?? null,
          });
          return streamText(renderLedgerExport(header, await readFirst(pages), query.format));
        },
      });
    },
  });
}
