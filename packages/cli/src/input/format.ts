import { extname } from 'node:path';

export const INPUT_FORMATS = ['csv', 'tsv', 'jsonl', 'lines'] as const;

/** How the prompts are written down. */
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

/** The delimiter with which the first line names the prompt column; null when it does not. */
function headerDelimiter(text: string, promptColumn: string): ',' | ';' | null {
  const line = firstLine(text);
  return CSV_DELIMITERS.find((delimiter) => cells(line, delimiter).includes(promptColumn)) ?? null;
}

/**
 * The format by the file's extension, else by its first line: an object is JSON lines, a header that names the prompt
 * column is CSV or TSV, anything else is one prompt a line. `hasColumns`: columns were named by hand, so that taking the
 * rows of a table for prompts, which would cost money, is out of the question.
 */
export function detectFormat(path: string, text: string, promptColumn: string, hasColumns: boolean): InputFormat {
  const known = BY_EXTENSION.get(extname(path).toLowerCase());
  if (known !== undefined) return known;
  const line = firstLine(text);
  if (line.startsWith('{')) return 'jsonl';
  if (line.includes('\t') && cells(line, '\t').includes(promptColumn)) return 'tsv';
  return hasColumns || headerDelimiter(text, promptColumn) !== null ? 'csv' : 'lines';
}

/** What stands between the fields of a CSV file. */
export function csvDelimiter(text: string, promptColumn: string): ',' | ';' {
  return headerDelimiter(text, promptColumn) ?? ',';
}
