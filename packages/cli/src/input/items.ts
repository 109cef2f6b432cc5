import type { BatchItem } from '@rushes/sdk';
import { CliError, type InputProblem } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import { csvDelimiter, type InputFormat } from './format.ts';
import { parseDelimited, type DelimitedRecord } from './delimited.ts';
import {
  itemFromObject,
  itemFromRow,
  readColumns,
  type ColumnSettings,
  type ItemReading,
  type MetadataColumn,
} from './columns.ts';

/** Items of a batch, with the line of the file that each one came from. */
export interface InputItems {
  readonly items: readonly BatchItem[];
  readonly lines: readonly number[];
  /** The batch's metadata, from flags and from the columns `metadata.*`. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** How many problems are named one by one; further problems are only counted. */
const NAMED_PROBLEMS_MAX = 100;

/** Collects items and problems, so that all problems of a file are reported together. */
class Collector {
  readonly items: BatchItem[] = [];
  readonly lines: number[] = [];
  readonly problems: InputProblem[] = [];
  problemCount = 0;
  readonly #metadata: Map<string, { readonly value: string; readonly where: string }>;

  constructor(metadata: Readonly<Record<string, string>>) {
    this.#metadata = new Map(Object.entries(metadata).map(([key, value]) => [key, { value, where: '--metadata' }]));
  }

  get metadata(): Record<string, string> {
    return Object.fromEntries([...this.#metadata].map(([key, { value }]) => [key, value]));
  }

  /** Metadata belongs to the batch, so all rows that have a value must have the same one. */
  addMetadata(columns: readonly MetadataColumn[], row: DelimitedRecord): void {
    for (const { key, at } of columns) {
      const value = row.fields[at] ?? '';
      const known = this.#metadata.get(key);
      if (value === '' || value === known?.value) continue;
      if (known === undefined) this.#metadata.set(key, { value, where: `line ${row.line}` });
      else this.fault(row.line, `differs from ${known.where}; a batch has only one value`, `metadata.${key}`);
    }
  }

  add(reading: ItemReading, line: number): void {
    if (reading.problems.length === 0) {
      this.items.push(reading.item);
      this.lines.push(line);
    }
    for (const problem of reading.problems)
      this.fault(line, problem.detail, problem.param, reading.item.custom_id ?? null);
  }

  fault(line: number | null, detail: string, param: string | null = null, customId: string | null = null): void {
    this.problemCount += 1;
    if (this.problems.length >= NAMED_PROBLEMS_MAX) return;
    const sentence = param === null ? detail : `${param} ${detail}`;
    this.problems.push({ index: null, line, custom_id: customId, param, code: 'bad_syntax', detail: sentence });
  }
}

function readDelimited(text: string, format: 'csv' | 'tsv', settings: ColumnSettings, collector: Collector): void {
  const delimiter = format === 'tsv' ? '\t' : csvDelimiter(text, settings.sourceOf('prompt'));
  const { records, fault } = parseDelimited(text, delimiter);
  const [header, ...rows] = records;
  if (header === undefined) {
    if (fault === null) collector.fault(null, 'the file is empty; its first line must name the columns');
  } else {
    const columns = readColumns(header.fields, settings);
    for (const detail of columns.problems) collector.fault(header.line, detail);
    for (const row of columns.problems.length === 0 ? rows : []) {
      if (row.fields.length === header.fields.length) {
        collector.add(itemFromRow(row.fields, columns), row.line);
        collector.addMetadata(columns.metadata, row);
      } else collector.fault(row.line, `has ${row.fields.length} fields, and the header has ${header.fields.length}`);
    }
  }
  if (fault !== null) collector.fault(fault.line, fault.detail);
}

function readJsonLines(text: string, settings: ColumnSettings, collector: Collector): void {
  for (const [at, line] of text.split(/\r\n|\n|\r/).entries()) {
    if (line.trim() === '') continue;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (error) {
      collector.fault(at + 1, `is not JSON: ${error instanceof Error ? error.message : String(error)}`);
      continue;
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      collector.fault(at + 1, 'must be a JSON object such as {"prompt": "…"}');
      continue;
    }
    collector.add(itemFromObject(new Map(Object.entries(value)), settings), at + 1);
  }
}

function readLines(text: string, settings: ColumnSettings, collector: Collector): void {
  if (settings.mapped.size > 0) collector.fault(null, 'has plain lines without columns, so --column cannot be used');
  for (const [at, line] of text.split(/\r\n|\n|\r/).entries()) {
    if (line.trim() !== '') collector.add({ item: { prompt: line }, problems: [] }, at + 1);
  }
}

/**
 * The items in the text. Only the form of the file is checked here; the server checks prompts, ids and parameters, so
 * that there is one place for these rules. Throws `CliError` with the problems and their lines (at most 100).
 */
export function readItems(
  text: string,
  format: InputFormat,
  settings: ColumnSettings,
  metadata: Readonly<Record<string, string>>,
  source: string,
): InputItems {
  const collector = new Collector(metadata);
  if (format === 'lines') readLines(text, settings, collector);
  else if (format === 'jsonl') readJsonLines(text, settings, collector);
  else readDelimited(text, format, settings, collector);
  if (collector.problemCount > 0) {
    const many = collector.problemCount === 1 ? 'a problem' : `${collector.problemCount} problems`;
    throw new CliError('invalid_input', `${source} has ${many}; nothing was submitted.`, {
      exitCode: EXIT.usage,
      source,
      problems: collector.problems,
      problemCount: collector.problemCount,
      advice: [`It was read as ${format}. Use --format to read it in another format.`],
    });
  }
  return collector;
}
