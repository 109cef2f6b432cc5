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

/**
 * The format by the file's extension, else by its first line: an object is JSON lines, a header that names the prompt
 * column is CSV or TSV, anything else is one prompt a line.
 */
export function detectFormat(path: string, text: string, promptColumn: string): InputFormat {
  const known = BY_EXTENSION.get(extname(path).toLowerCase());
  if (known !== undefined) return known;
  const line = firstLine(text);
  if (line.startsWith('{')) return 'jsonl';
  if (cells(line, '\t').includes(promptColumn) && line.includes('\t')) return 'tsv';
  return cells(line, ',').includes(promptColumn) ? 'csv' : 'lines';
}

/** Spreadsheets of many European locales write CSV with semicolons. */
export function csvDelimiter(text: string, promptColumn: string): ',' | ';' {
  const line = firstLine(text);
  return line.includes(';') && cells(line, ';').includes(promptColumn) && !cells(line, ',').includes(promptColumn) ? ';' : ',';
}
