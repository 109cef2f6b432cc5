/** A value in a CSV cell; null is an empty cell. */
export type CsvValue = string | number | boolean | null;

/**
 * First characters that make a spreadsheet run a cell as a formula, and the quote itself, so that quoting can be
 * undone.
 */
const FORMULA_START = /^[=+\-@\t\r']/;

function csvCell(value: CsvValue): string {
  if (value === null) return '';
  if (typeof value !== 'string') return String(value);
  const text = FORMULA_START.test(value) ? `'${value}` : value;
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * One CSV record with its line end (RFC 4180). Text that a spreadsheet would run as a formula gets a single quote in
 * front. Text that begins with a single quote gets one too, so removing one leading quote always gives back the
 * original. Null is an empty cell; empty text is a pair of quotes.
 */
export function csvLine(values: readonly CsvValue[]): string {
  return `${values.map(csvCell).join(',')}\r\n`;
}
