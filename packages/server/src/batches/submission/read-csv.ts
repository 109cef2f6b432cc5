import { CsvError, parse, type InfoRecord } from 'csv-parse/sync';
import { ITEM_LIMITS, PARAM_NAMES, quoted, suggestion, type ItemError } from '@rushes/contract';
import { accept, refuse, type Outcome } from '../../outcome/index.ts';
import type { Problems } from './problems.ts';
import { paramFromText } from './read-query.ts';
import type { RawItem, RawSubmission } from './submission.ts';

const METADATA = 'metadata.';
/** A prompt of 5,000 characters, all of them quotes, is 40 kB; there is room for columns that are left out. */
const RECORD_MAX_BYTES = 1024 * 1024;
const COLUMNS_MAX = 1_000;
/** Beyond twice the largest batch the exact number of rows helps nobody, nor do thousands of ragged ones. */
const ROWS_READ_FACTOR = 2;
const RAGGED_READ_MAX = 1_000;
const COLUMNS: readonly string[] = ['prompt', 'custom_id', ...PARAM_NAMES];

interface CsvRecord {
  /** Physical line where it begins, from 1. */
  readonly line: number;
  readonly cells: readonly string[];
}

interface CsvTable {
  readonly header: CsvRecord;
  readonly rows: readonly CsvRecord[];
  readonly rowCount: number;
}

/**
 * Reads CSV (RFC 4180, CRLF or LF) with a header line: `prompt`, `custom_id`, any parameter, `metadata.*`. An empty
 * cell means that the value is not given. Metadata belongs to the batch, so all rows of a metadata column must have the
 * same value.
 */
export function readCsv(
  text: string,
  ignoreColumns: boolean,
  queryFields: ReadonlyMap<string, unknown>,
  mostItems: number,
  problems: Problems,
): Outcome<RawSubmission> {
  const table = readTable(text, mostItems);
  if (!table.ok) return table;
  const { header, rows, rowCount } = table.value;
  const errors = headerErrors(header, ignoreColumns);
  if (errors.length > 0) return refuseCsv(errors);
  const columns = header.cells.map((name, at) => ({ name, at }));
  const fields = new Map(queryFields);
  const metadata = columns.filter(({ name }) => name.startsWith(METADATA));
  if (metadata.length > 0) addMetadata(fields, metadata, rows, problems);
  const params = columns.filter(({ name }) => (PARAM_NAMES as readonly string[]).includes(name));
  const promptAt = header.cells.indexOf('prompt');
  const idAt = header.cells.indexOf('custom_id');
  const items = rows.map(({ line, cells }): RawItem => {
    const given = params.filter(({ at }) => cells[at] !== '');
    const id = cells[idAt] ?? '';
    const own = given.map(({ name, at }) => [name, paramFromText(name, cells[at] ?? '')] as const);
    return {
      line,
      value: {
        prompt: cells[promptAt] ?? '',
        ...(id === '' ? {} : { custom_id: id }),
        ...(own.length === 0 ? {} : { params: Object.fromEntries(own) }),
      },
    };
  });
  return accept({ fields, items, itemCount: rowCount });
}

/** Follows the parser through the bytes, because it counts a line break inside quotes twice when it is CRLF. */
function lineCounter(bytes: Buffer): (upTo: number) => number {
  let at = 0;
  let line = 1;
  const advance = (upTo: number): void => {
    for (let next = bytes.indexOf(0x0a, at); next >= 0 && next < upTo; next = bytes.indexOf(0x0a, at)) {
      line += 1;
      at = next + 1;
    }
  };
  return (recordEnd) => {
    // Empty lines before a record are no part of it.
    while (bytes[at] === 0x0a || (bytes[at] === 0x0d && bytes[at + 1] === 0x0a)) {
      at += bytes[at] === 0x0a ? 1 : 2;
      line += 1;
    }
    const begins = line;
    advance(recordEnd);
    at = Math.max(at, recordEnd);
    return begins;
  };
}

/** Stops the parser: the rest of the body cannot change the answer. */
class Decided extends Error {
  override readonly name = 'Decided';
}

/** Takes the records as the parser finds them; keeps no more rows than a batch can have. */
class TableBuilder {
  readonly rows: CsvRecord[] = [];
  readonly ragged: ItemError[] = [];
  header: CsvRecord | null = null;
  rowCount = 0;
  raggedCount = 0;
  widest = 0;
  readonly #mostItems: number;

  constructor(mostItems: number) {
    this.#mostItems = mostItems;
  }

  /** Whether there is nothing more to learn from further records. */
  get isDecided(): boolean {
    const { rowCount, raggedCount, widest } = this;
    return rowCount > ROWS_READ_FACTOR * this.#mostItems || raggedCount >= RAGGED_READ_MAX || widest > COLUMNS_MAX;
  }

  take(line: number, cells: readonly string[]): void {
    this.widest = Math.max(this.widest, cells.length);
    if (this.header === null) {
      this.header = { line, cells };
      return;
    }
    if (cells.length !== this.header.cells.length) {
      this.raggedCount += 1;
      if (this.ragged.length < ITEM_LIMITS.reportedErrorsMax) {
        this.ragged.push(raggedRow(this.rowCount, line, cells, this.header));
      }
    }
    this.rowCount += 1;
    if (this.rowCount <= this.#mostItems) this.rows.push({ line, cells });
  }
}

function readTable(text: string, mostItems: number): Outcome<CsvTable> {
  const bytes = Buffer.from(text);
  const overlong = overlongLine(bytes);
  if (overlong !== null) return refuseCsv([overlong]);
  const lineOf = lineCounter(bytes);
  const table = new TableBuilder(mostItems);
  try {
    parse(bytes, {
      relax_column_count: true,
      skip_empty_lines: true,
      max_record_size: RECORD_MAX_BYTES,
      record_delimiter: ['\r\n', '\n'],
      on_record: (cells: string[], { bytes: end }: InfoRecord): null => {
        table.take(lineOf(end), cells);
        if (table.isDecided) throw new Decided();
        return null;
      },
    });
  } catch (error) {
    if (error instanceof CsvError) {
      return refuseCsv([syntaxError(error, lineOf(bytes.length), table.header === null ? null : table.rowCount)]);
    }
    if (!(error instanceof Decided)) throw error;
  }
  const { header, rows, rowCount, ragged, raggedCount } = table;
  if (header === null) {
    const detail = 'The CSV is empty. Its first line must name the columns, including `prompt`.';
    return refuse({ code: 'invalid_csv', detail });
  }
  if (header.cells.length > COLUMNS_MAX) {
    const detail = `The header has more than ${COLUMNS_MAX} columns.`;
    return refuseCsv([{ index: null, line: header.line, custom_id: null, param: null, code: 'too_many', detail }]);
  }
  // A wrong header makes every row look ragged; it is the better thing to say.
  if (raggedCount > 0 && headerErrors(header, true).length === 0) return refuseCsv(ragged, raggedCount);
  return accept({ header, rows, rowCount });
}

/** The parser's own bound on a record does not count its commas, and forty million of them would fill the memory. */
function overlongLine(bytes: Buffer): ItemError | null {
  let line = 1;
  for (let start = 0; start < bytes.length; line += 1) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline < 0 ? bytes.length : newline;
    if (end - start > RECORD_MAX_BYTES) {
      const detail = `The line is longer than ${RECORD_MAX_BYTES / 2 ** 20} MiB.`;
      return { index: null, line, custom_id: null, param: null, code: 'too_long', detail };
    }
    start = end + 1;
  }
  return null;
}

function raggedRow(index: number, line: number, cells: readonly string[], header: CsvRecord): ItemError {
  const advice = cells.length > header.cells.length ? ' Put a cell that has a comma in double quotes.' : '';
  const detail = `The row has ${cells.length} cells, but the header has ${header.cells.length}.${advice}`;
  return { index, line, custom_id: null, param: null, code: 'bad_syntax', detail };
}

function syntaxError(error: CsvError, line: number, index: number | null): ItemError {
  const details: Partial<Record<string, string>> = {
    CSV_QUOTE_NOT_CLOSED: 'A quote that opens in this record has no closing quote.',
    CSV_MAX_RECORD_SIZE: 'This record is longer than 1 MiB. Probably a quote in it has no closing quote.',
    INVALID_OPENING_QUOTE:
      'There is a double quote inside a cell that is not quoted. Put the cell in double quotes, and write each double quote in it twice.',
    CSV_INVALID_CLOSING_QUOTE: 'There is text after a closing quote. Write a double quote inside a quoted cell twice.',
  };
  const detail = details[error.code] ?? 'The record cannot be read.';
  return { index, line, custom_id: null, param: null, code: 'bad_syntax', detail };
}

function headerErrors({ line, cells: names }: CsvRecord, ignoreColumns: boolean): ItemError[] {
  const error = (param: string, code: ItemError['code'], detail: string): ItemError => ({
    index: null,
    line,
    custom_id: null,
    param: param.slice(0, 80),
    code,
    detail,
  });
  const errors: ItemError[] = [];
  const isKnown = (name: string): boolean =>
    COLUMNS.includes(name) || (name.startsWith(METADATA) && name.length > METADATA.length);
  for (const name of new Set(names)) {
    const places = names.flatMap((candidate, at) => (candidate === name ? [at + 1] : []));
    if (isKnown(name)) {
      if (places.length > 1) {
        errors.push(error(name, 'duplicate', `The header has the column ${quoted(name)} ${places.length} times.`));
      }
    } else if (!ignoreColumns) {
      const which = name === '' ? `Column ${places.join(', ')} has no name.` : `There is no column ${quoted(name)}.`;
      const detail = `${which}${suggestion(name, COLUMNS)} Use ignore_columns=true to skip other columns.`;
      errors.push(error(name, 'unknown_name', detail));
    }
  }
  if (!names.includes('prompt')) {
    errors.unshift(error('prompt', 'required', `The header has no column "prompt".${separatorHint(names)}`));
  }
  return errors;
}

function separatorHint(names: readonly string[]): string {
  const [only] = names;
  if (names.length !== 1 || only === undefined) return '';
  const separator = [';', '\t', '|'].find((candidate) => only.includes(candidate));
  return separator === undefined
    ? ''
    : ` The columns seem to be separated by ${JSON.stringify(separator)}. Use commas.`;
}

function refuseCsv(errors: readonly ItemError[], errorCount = errors.length): Outcome<never> {
  const [first] = errors;
  if (first === undefined) throw new Error('a readable CSV is not refused');
  const where = first.line === undefined ? '' : `Line ${first.line}: `;
  return refuse({
    code: 'invalid_csv',
    detail: errorCount === 1 ? `${where}${first.detail}` : `${errorCount} problems. The first: ${where}${first.detail}`,
    errors: errors.slice(0, ITEM_LIMITS.reportedErrorsMax),
    errorCount,
  });
}

function addMetadata(
  fields: Map<string, unknown>,
  columns: readonly { readonly name: string; readonly at: number }[],
  rows: readonly CsvRecord[],
  problems: Problems,
): void {
  const given = (fields.get('metadata') ?? {}) as Readonly<Record<string, unknown>>;
  const metadata = new Map(Object.entries(given));
  for (const { name, at } of columns) {
    const key = name.slice(METADATA.length);
    let known = metadata.has(key) ? { value: metadata.get(key), where: 'the query' } : null;
    for (const [index, { line, cells }] of rows.entries()) {
      const value = cells[at] ?? '';
      if (value === '' || value === known?.value) continue;
      if (known === null) {
        known = { value, where: `line ${line}` };
        metadata.set(key, value);
        continue;
      }
      const detail =
        `Metadata belongs to the whole batch, and this row differs from ${known.where}. ` +
        'Use one value, create a batch for each value, or put the different values into custom_id.';
      problems.addToItem({ index, line, customId: null }, name, 'not_supported', detail);
    }
  }
  if (metadata.size > 0) fields.set('metadata', Object.fromEntries(metadata));
}
