import { stripVTControlCharacters } from 'node:util';
import type { Environment, Sink } from '../context.ts';

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

const CODES: Readonly<Record<Style, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
};

export type Paint = (style: Style, text: string) => string;

/** Whether to use colours: only on a terminal, and not with NO_COLOR (https://no-color.org) or TERM=dumb. */
export function paintFor(stream: Pick<Sink, 'isTTY'>, environment: Environment): Paint {
  const refused = environment['NO_COLOR'] !== undefined && environment['NO_COLOR'] !== '';
  if (stream.isTTY !== true || refused || environment['TERM'] === 'dumb') return (_, text) => text;
  return (style, text) => {
    const [on, off] = CODES[style];
    return `\u001b[${on}m${text}\u001b[${off}m`;
  };
}

/** Text from outside as one line, without control characters that a terminal would act on. */
export function printable(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]+/g, ' ');
}

/** At most `width` characters; text that is cut ends with an ellipsis. */
export function shorten(text: string, width: number): string {
  const characters = Array.from(text);
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`;
}

/** Columns side by side; `right` has the positions of those that are right-aligned. */
export function table(rows: readonly (readonly string[])[], rightAligned: ReadonlySet<number> = new Set()): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, Array.from(cell).length);
  }
  return rows.map((row) =>
    row
      .map((cell, at) => {
        const gap = ' '.repeat((widths[at] ?? 0) - Array.from(cell).length);
        return rightAligned.has(at) ? gap + cell : cell + gap;
      })
      .join('  ')
      .trimEnd(),
  );
}

/** A column of a table: its name, its text for a row, and its alignment. */
export interface Column<Row> {
  readonly name: string;
  readonly cell: (row: Row) => string;
  readonly align?: 'right';
}

/** The lines of a table with a header. */
export function tableOf<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string[] {
  const rightAligned = columns.flatMap(({ align }, at) => (align === 'right' ? [at] : []));
  return table(
    [columns.map(({ name }) => name), ...rows.map((row) => columns.map(({ cell }) => cell(row)))],
    new Set(rightAligned),
  );
}
