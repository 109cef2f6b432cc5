import { extname } from 'node:path';

export const INPUT_FORMATS = ['csv', 'tsv', 'jsonl', 'lines'] as const;

/** The format of the input. */
export type InputFormat = (typeof INPUT_FORMATS)[number];

const BY_EXTENSION: ReadonlyMap<string, InputFormat> = new Map([
  ['.csv', 'csv'],
  ['.tsv', 'tsv'],
  ['.tab', 'tsv'],
  ['.jsonl', 'jsonl'],
  ['.ndjson', 'jsonl'],
  ['.txt', 'lines'],
]);

function firstLine(text: string): string {
  return /\S.*/.exec(text)?.[0] ?? '';
}

function cells(line: string, delimiter: string): string[] {
  return line.split(delimiter).map((cell) => cell.trim().replace(/^"(.*)"$/, '$1'));
}

/** Spreadsheets of many European locales write CSV with semicolons. */
const CSV_DELIMITERS = [',', ';'] as const;

/** The delimiter with which the first line names the prompt column; null when the line does not name it. */
function headerDelimiter(text: string, promptColumn: string): ',' | ';' | null {
  const line = firstLine(text);
  return CSV_DELIMITERS.find((delimiter) => cells(line, delimiter).includes(promptColumn)) ?? null;
}

/**
 * The format, from the file's extension, else from its first line: a JSON object means JSON lines, a header with the
 * prompt column means CSV or TSV, anything else means one prompt per line. With `hasColumns` (columns were named by
 * flags) the file is never read as one prompt per line, because taking the rows of a table as prompts would cost money.
 */
export function detectFormat(path: string, text: string, promptColumn: string, hasColumns: boolean): InputFormat {
  const known = BY_EXTENSION.get(extname(path).toLowerCase());
  if (known !== undefined) return known;
  const line = firstLine(text);
  if (line.startsWith('{')) return 'jsonl';
  if (line.includes('\t') && cells(line, '\t').includes(promptColumn)) return 'tsv';
  return hasColumns || headerDelimiter(text, promptColumn) !== null ? 'csv' : 'lines';
}

/** The delimiter of a CSV file. */
export function csvDelimiter(text: string, promptColumn: string): ',' | ';' {
  return headerDelimiter(text, promptColumn) ?? ',';
}
