/** One record of a CSV or TSV file. */
export interface DelimitedRecord {
  readonly fields: readonly string[];
  /** Line on which the record starts, from 1; a quoted field may go on over several. */
  readonly line: number;
}

/** A place where the text breaks the rules so that nothing after it can be trusted. */
export interface DelimitedFault {
  readonly line: number;
  readonly detail: string;
}

const QUOTE = '"';

/**
 * Reads RFC 4180 text with any delimiter of one character: quoted fields with doubled quotes, delimiters and line ends
 * in them; CRLF, LF or CR between records. Lines with nothing on them are skipped. Stops at the first fault: after a
 * stray quote it is anybody's guess what belongs to which field.
 */
export function parseDelimited(
  text: string,
  delimiter: ',' | '\t' | ';',
): { records: DelimitedRecord[]; fault: DelimitedFault | null } {
  const records: DelimitedRecord[] = [];
  let fields: string[] = [];
  let line = 1;
  let recordLine = 1;
  let at = 0;
  const isFieldEnd = (character: string | undefined): boolean =>
    character === undefined || character === delimiter || character === '\n' || character === '\r';

  while (at < text.length) {
    let field: string;
    if (text[at] === QUOTE) {
      const openedOn = line;
      let close = at + 1;
      for (;;) {
        close = text.indexOf(QUOTE, close);
        if (close === -1)
          return { records, fault: { line: openedOn, detail: 'this line opens a quote that is never closed' } };
        if (text[close + 1] !== QUOTE) break;
        close += 2;
      }
      const quoted = text.slice(at + 1, close);
      line += countLineEnds(quoted);
      field = quoted.replaceAll('""', QUOTE);
      at = close + 1;
      if (!isFieldEnd(text[at])) {
        return {
          records,
          fault: {
            line,
            detail: 'there is text after a closing quote; a quote inside a quoted field is written twice ("")',
          },
        };
      }
    } else {
      let end = at;
      while (!isFieldEnd(text[end])) end += 1;
      field = text.slice(at, end);
      if (field.includes(QUOTE)) {
        return {
          records,
          fault: {
            line,
            detail: 'there is a quote inside an unquoted field; put the field in quotes and write the quote twice ("")',
          },
        };
      }
      at = end;
    }
    fields.push(field);
    const stop = text[at];
    if (stop === delimiter) {
      at += 1;
      // A delimiter at the very end still has an empty field behind it.
      if (at === text.length) fields.push('');
      else if (text[at] !== '\n' && text[at] !== '\r') continue;
      else fields.push('');
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
