/** One record of a CSV or TSV file. */
export interface DelimitedRecord {
  readonly fields: readonly string[];
  /** Line on which the record starts, from 1. A record with quoted fields can have several lines. */
  readonly line: number;
}

/** A place where the text breaks the rules, so that the text after it cannot be read. */
export interface DelimitedFault {
  readonly line: number;
  readonly detail: string;
}

const QUOTE = '"';

type Delimiter = ',' | '\t' | ';';

/**
 * A field as it is written and the position after it, or why the field cannot be read and the position of that fault.
 */
type Field = { readonly written: string; readonly end: number } | { readonly fault: string; readonly at: number };

function isFieldEnd(character: string | undefined, delimiter: Delimiter): boolean {
  return character === undefined || character === delimiter || character === '\n' || character === '\r';
}

/** The field that opens with a quote at `start`. */
function readQuoted(text: string, start: number, delimiter: Delimiter): Field {
  let close = start + 1;
  for (;;) {
    close = text.indexOf(QUOTE, close);
    if (close === -1) return { fault: 'this line opens a quote that is never closed', at: start };
    if (text[close + 1] !== QUOTE) break;
    close += 2;
  }
  if (isFieldEnd(text[close + 1], delimiter)) return { written: text.slice(start, close + 1), end: close + 1 };
  return {
    fault: 'there is text after a closing quote; a quote inside a quoted field is written twice ("")',
    at: close,
  };
}

/** The field without quotes that begins at `start`. */
function readBare(text: string, start: number, delimiter: Delimiter): Field {
  let end = start;
  while (!isFieldEnd(text[end], delimiter)) end += 1;
  const field = text.slice(start, end);
  if (!field.includes(QUOTE)) return { written: field, end };
  return {
    fault: 'there is a quote inside an unquoted field; put the field in quotes and write the quote twice ("")',
    at: start,
  };
}

/** The content of a field: without the quotes around it, and with one quote for every doubled quote. */
function contentOf(written: string): string {
  return written.startsWith(QUOTE) ? written.slice(1, -1).replaceAll('""', QUOTE) : written;
}

/**
 * Reads RFC 4180 text with any delimiter of one character. Quoted fields can have doubled quotes, delimiters and line
 * ends. Records end with CRLF, LF or CR. Empty lines are skipped. Stops at the first fault, because after a stray quote
 * nobody can say which text belongs to which field.
 */
export function parseDelimited(
  text: string,
  delimiter: Delimiter,
): { records: DelimitedRecord[]; fault: DelimitedFault | null } {
  const records: DelimitedRecord[] = [];
  let fields: string[] = [];
  let line = 1;
  let recordLine = 1;
  let at = 0;
  while (at < text.length) {
    const field = text[at] === QUOTE ? readQuoted(text, at, delimiter) : readBare(text, at, delimiter);
    if ('fault' in field) {
      return { records, fault: { line: line + countLineEnds(text.slice(at, field.at)), detail: field.fault } };
    }
    fields.push(contentOf(field.written));
    line += countLineEnds(field.written);
    at = field.end;
    if (text[at] === delimiter) {
      at += 1;
      // A delimiter at the end of a record is followed by an empty field.
      if (at < text.length && text[at] !== '\n' && text[at] !== '\r') continue;
      fields.push('');
    }
    if (!(fields.length === 1 && fields[0] === '')) records.push({ fields, line: recordLine });
    fields = [];
    if (at < text.length) {
      at += text[at] === '\r' && text[at + 1] === '\n' ? 2 : 1;
      line += 1;
    }
    recordLine = line;
  }
  return { records, fault: null };
}

/** CRLF counts once. */
function countLineEnds(text: string): number {
  return text.match(/\r\n|\n|\r/g)?.length ?? 0;
}
