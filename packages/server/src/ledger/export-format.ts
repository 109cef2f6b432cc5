import { LEDGER_EXPORT_COLUMNS, csvLine, type ExportedLedgerEntry, type LedgerExportHeader } from '@rushes/contract';

export const LEDGER_EXPORT_FORMATS = ['csv', 'json', 'jsonl'] as const;

export type LedgerExportFormat = (typeof LEDGER_EXPORT_FORMATS)[number];

export function ledgerExportType(format: LedgerExportFormat): string {
  switch (format) {
    case 'csv': {
      return 'text/csv; charset=utf-8; header=present';
    }
    case 'json': {
      return 'application/json';
    }
    case 'jsonl': {
      return 'application/x-ndjson';
    }
  }
}

function entryLine(entry: ExportedLedgerEntry): string {
  return csvLine(LEDGER_EXPORT_COLUMNS.map((column) => entry[column]));
}

/** The header's records of a CSV: a name, a value, and empty cells up to the number of columns. */
function csvHeader(header: LedgerExportHeader): string {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const records = [
    ['#account', header.account_id],
    ['#checkpoint', header.checkpoint === null ? '' : base64(header.checkpoint)],
    ['#previous_epochs', base64(JSON.stringify(header.previous_epochs))],
    ['#range', base64(JSON.stringify(header.range))],
  ];
  const rest = ','.repeat(LEDGER_EXPORT_COLUMNS.length - 2);
  return records.map((record) => `${record.join(',')}${rest}\r\n`).join('');
}

/** The same header and entries as CSV, as one JSON object, or as JSON lines (docs/ledger-verification.md). */
export async function* renderLedgerExport(
  header: LedgerExportHeader,
  pages: AsyncIterable<readonly ExportedLedgerEntry[]>,
  format: LedgerExportFormat,
): AsyncGenerator<string, void, undefined> {
  if (format === 'csv') yield `${csvLine(LEDGER_EXPORT_COLUMNS)}${csvHeader(header)}`;
  else if (format === 'jsonl') yield `${JSON.stringify(header)}\n`;
  else yield `${JSON.stringify(header).slice(0, -1)},"entries":[`;
  let isFirst = true;
  for await (const page of pages) {
    if (format === 'csv') yield page.map(entryLine).join('');
    else if (format === 'jsonl') yield page.map((entry) => `${JSON.stringify(entry)}\n`).join('');
    else {
      yield `${isFirst ? '\n' : ',\n'}${page.map((entry) => JSON.stringify(entry)).join(',\n')}`;
      isFirst = false;
    }
  }
  if (format === 'json') yield isFirst ? ']}\n' : '\n]}\n';
}
