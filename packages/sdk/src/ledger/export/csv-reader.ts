/** Reads exports in CSV (RFC 4180) as they arrive, and removes the quotes that protect against spreadsheet formulas. */
import { LEDGER_FIELDS, isNumberKind } from '@rushes/contract/facts/ledger-fields';
import { fromBase64 } from '../bytes.ts';
import type { RawEntry } from '../entry.ts';
import { quote } from '../problem.ts';
import { type ExportPart, parseJson, readHeader, UnreadableExport } from './header.ts';
import type { TextBuffer } from './text-buffer.ts';

/** Null is an empty cell, '' an empty pair of quotes. */
type Cell = string | null;

interface CsvRecord {
  readonly cells: readonly Cell[];
  readonly line: number;
}

const NUMBERS: ReadonlySet<string> = new Set(
  LEDGER_FIELDS.filter(({ kind }) => isNumberKind(kind)).map(({ name }) => name),
);
const COLUMNS = LEDGER_FIELDS.map(({ name }) => name);
const FORMULA = /^[=+\-@\t\r]/;

/** The complete records of a text so far. */
class RecordSplitter {
  #line = 1;

  /**
   * @param isWhole true when no more text will come, so that the rest is the last record
   * @returns the records, with `failure` when the text after them cannot be read
   */
  split(text: string, isWhole: boolean): { records: CsvRecord[]; length: number; failure: UnreadableExport | null } {
    const records: CsvRecord[] = [];
    let start = 0;
    try {
      while (start < text.length) {
        const end = this.#splitOne(text, start, isWhole, records);
        if (end === null) break;
        start = end;
      }
    } catch (failure) {
      if (!(failure instanceof UnreadableExport)) throw failure;
      return { records, length: start, failure };
    }
    return { records, length: Math.min(start, text.length), failure: null };
  }

  /**
   * Adds the record that begins at `start`. Returns where the next one begins, or null when this one is not complete.
   */
  #splitOne(text: string, start: number, isWhole: boolean, records: CsvRecord[]): number | null {
    const newline = text.indexOf('\n', start);
    if (newline === -1 && !isWhole) return null;
    const end = newline === -1 ? text.length : newline;
    const plain = text.slice(start, end);
    if (!plain.includes('"')) {
      const cells = (plain.endsWith('\r') ? plain.slice(0, -1) : plain).split(',');
      records.push({ cells: cells.map((cell) => (cell === '' ? null : cell)), line: this.#line });
      this.#line += 1;
      return end + 1;
    }
    const quoted = this.#quotedRecord(text, start, isWhole);
    if (quoted === null) return null;
    records.push({ cells: quoted.cells, line: this.#line });
    this.#line += text.slice(start, quoted.end).split('\n').length - 1;
    return quoted.end;
  }

  #quotedRecord(text: string, start: number, isWhole: boolean): { cells: Cell[]; end: number } | null {
    const cells: Cell[] = [];
    let at = start;
    for (;;) {
      const cell = text[at] === '"' ? this.#quotedCell(text, at, isWhole) : this.#plainCell(text, at, isWhole);
      if (cell === null) return null;
      cells.push(cell.value);
      at = cell.end;
      if (text[at] === ',') {
        at += 1;
        continue;
      }
      if (text.startsWith('\r\n', at)) return { cells, end: at + 2 };
      if (text[at] === '\n') return { cells, end: at + 1 };
      if (at >= text.length || text.slice(at) === '\r') return isWhole ? { cells, end: text.length } : null;
      throw new UnreadableExport('a quoted cell is followed by something that is not a comma', {
        position: this.#line,
      });
    }
  }

  #plainCell(text: string, start: number, isWhole: boolean): { value: Cell; end: number } | null {
    const end = /[,\n]/g;
    end.lastIndex = start;
    const found = end.exec(text)?.index ?? -1;
    if (found === -1 && !isWhole) return null;
    const stop = found === -1 ? text.length : found;
    const behind = text[stop - 1] === '\r' && text[stop] === '\n' && stop > start ? stop - 1 : stop;
    const value = text.slice(start, behind);
    if (value.includes('"')) {
      throw new UnreadableExport('there is a quote inside a cell that does not begin with one', {
        position: this.#line,
      });
    }
    return { value: value === '' ? null : value, end: behind };
  }

  #quotedCell(text: string, start: number, isWhole: boolean): { value: Cell; end: number } | null {
    let from = start + 1;
    for (;;) {
      const at = text.indexOf('"', from);
      if (at === -1) {
        if (!isWhole) return null;
        throw new UnreadableExport('the file ends inside a quoted cell', { position: this.#line });
      }
      // The second quote of a pair may be in the next chunk.
      if (at + 1 >= text.length && !isWhole) return null;
      if (text[at + 1] !== '"') return { value: text.slice(start + 1, at).replaceAll('""', '"'), end: at + 1 };
      from = at + 2;
    }
  }
}

/** Turns records into the header and entries, by the names in the first record. */
class ExportRecords {
  #columns: readonly string[] | null = null;
  readonly #members: Record<string, unknown> = {};
  #headerIsDone = false;

  *parts(records: readonly CsvRecord[]): Generator<ExportPart, void, undefined> {
    const entries: RawEntry[] = [];
    let failure: UnreadableExport | null = null;
    for (const record of records) {
      const [first = null, second = null] = record.cells;
      if (first === null && record.cells.length === 1) continue;
      if (this.#columns === null) this.#columns = this.#readColumns(record);
      else if (first?.startsWith('#') === true && !this.#headerIsDone) this.#takeMember(first, second, record.line);
      else {
        if (!this.#headerIsDone) yield this.#finishHeader();
        try {
          entries.push(this.#entry(record, this.#columns));
        } catch (error) {
          if (!(error instanceof UnreadableExport)) throw error;
          failure = error;
          break;
        }
      }
    }
    if (entries.length > 0) yield { kind: 'entries', entries };
    if (failure !== null) throw failure;
  }

  /** The header of an export without entries. */
  *end(): Generator<ExportPart, void, undefined> {
    if (!this.#headerIsDone) yield this.#finishHeader();
  }

  #finishHeader(): ExportPart {
    this.#headerIsDone = true;
    return { kind: 'header', header: readHeader(this.#members) };
  }

  #readColumns({ cells }: CsvRecord): readonly string[] {
    const names = cells.map((cell) => cell ?? '');
    for (const name of COLUMNS) {
      const places = names.filter((each) => each === name).length;
      if (places === 1) continue;
      throw new UnreadableExport(
        `the first line names the column ${name} ${places} times, so this is not a ledger export`,
      );
    }
    return names;
  }

  #takeMember(name: string, value: Cell, line: number): void {
    switch (name) {
      case '#account':
        this.#members['account_id'] = value;
        break;
      case '#checkpoint':
        this.#members['checkpoint'] = value === null ? null : decode(value, name, line);
        break;
      case '#previous_epochs':
      case '#range':
        this.#members[name.slice(1)] = parseJson(decode(value ?? '', name, line), name, line);
        break;
      default:
        // A newer server may add more.
        break;
    }
  }

  #entry({ cells, line }: CsvRecord, columns: readonly string[]): RawEntry {
    const [first] = cells;
    if (first?.startsWith('#') === true) {
      throw new UnreadableExport(`${first} comes after entries; it belongs before them`, { position: line });
    }
    if (cells.length !== columns.length) {
      throw new UnreadableExport(`the line has ${cells.length} cells, but the first line has ${columns.length}`, {
        position: line,
      });
    }
    const fields: Record<string, unknown> = {};
    for (const [at, name] of columns.entries()) {
      const cell = cells[at] ?? null;
      fields[name] = NUMBERS.has(name) ? readNumber(cell) : readText(cell, name, line);
    }
    return { position: line, fields };
  }
}

function decode(cell: string, name: string, line: number): string {
  const bytes = fromBase64(cell);
  if (bytes === null) throw new UnreadableExport(`${name} is not base64`, { position: line });
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new UnreadableExport(`${name} is not text`, { position: line });
  }
}

/** The number in a cell. Other text stays as it is, so that the check of the entry can quote it. */
function readNumber(cell: Cell): number | string | null {
  return cell !== null && /^(?:0|[1-9][0-9]{0,15})$/.test(cell) ? Number(cell) : cell;
}

function readText(cell: Cell, name: string, line: number): Cell {
  if (cell === null) return null;
  if (FORMULA.test(cell)) {
    throw new UnreadableExport(
      `${name} is ${quote(cell)}: the leading quote that protects against spreadsheet formulas was removed`,
      { position: line, field: name },
    );
  }
  return cell.startsWith("'") ? cell.slice(1) : cell;
}

/** Reads an export in CSV. Throws `UnreadableExport`. */
export async function* readCsvExport(buffer: TextBuffer): AsyncGenerator<ExportPart, void, undefined> {
  const splitter = new RecordSplitter();
  const records = new ExportRecords();
  for (let hasMore = true; hasMore;) {
    hasMore = await buffer.more();
    const { records: found, length, failure } = splitter.split(buffer.text, !hasMore);
    buffer.take(length);
    yield* records.parts(found);
    if (failure !== null) throw failure;
  }
  yield* records.end();
}
