import type { LedgerEntry } from '@rushes/contract';

export const LEDGER_EXPORT_FORMATS = ['csv', 'json', 'jsonl'] as const;

export type LedgerExportFormat = (typeof LEDGER_EXPORT_FORMATS)[number];

const COLUMNS = [
  'seq',
  'kind',
  'from',
  'to',
  'amount',
  'available_after',
  'reserved_after',
  'spent_after',
  'batch_id',
  'task_id',
  'task_index',
  'reverses_seq',
  'reason',
  'reference',
  'created_at',
] as const satisfies readonly (keyof LedgerEntry)[];

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

/**
 * One cell of RFC 4180. Text that a spreadsheet would run as a formula gets a single quote in front, and so does text
 * that begins with one, so that taking one leading quote off gives back what was there. Null is an empty cell and empty
 * text an empty pair of quotes.
 */
function csvCell(value: string | number | null): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const escaped = /^[=+\-@\t\r']/.test(value) ? `'${value}` : value;
  return escaped === '' || /[",\r\n]/.test(escaped) ? `"${escaped.replaceAll('"', '""')}"` : escaped;
}

function csvLine(entry: LedgerEntry): string {
  return `${COLUMNS.map((column) => csvCell(entry[column])).join(',')}\r\n`;
}

/** The same entries as CSV with a header line, as one JSON array, or as one JSON object per line. */
export async function* renderLedgerExport(
  pages: AsyncIterable<readonly LedgerEntry[]>,
  format: LedgerExportFormat,
): AsyncGenerator<string, void, undefined> {
  if (format === 'csv') yield `${COLUMNS.join(',')}\r\n`;
  if (format === 'json') yield '[';
  let isFirst = true;
  for await (const page of pages) {
    if (format === 'csv') yield page.map(csvLine).join('');
    else if (format === 'jsonl') yield page.map((entry) => `${JSON.stringify(entry)}\n`).join('');
    else {
      yield `${isFirst ? '\n' : ',\n'}${page.map((entry) => JSON.stringify(entry)).join(',\n')}`;
      isFirst = false;
    }
  }
  if (format === 'json') yield isFirst ? ']\n' : '\n]\n';
}
