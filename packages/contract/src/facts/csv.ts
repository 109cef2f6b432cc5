/** A value in a CSV cell; null is an empty cell. */
export type CsvValue = string | number | boolean | null;

/** First characters that make a spreadsheet calculate instead of show, and the quote itself, so that it can be undone. */
const FORMULA_START = /^[=+\-@\t\r']/;

function csvCell(value: CsvValue): string {
  if (value === null) return '';
  if (typeof value !== 'string') return String(value);
  const text = FORMULA_START.test(value) ? `'${value}` : value;
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * One record of RFC 4180 with its line end. Text that a spreadsheet would run as a formula gets a single quote in front,
 * and so does text that begins with one, so that taking one leading quote off gives back what was there. Null is an empty
 * cell, empty text a pair of quotes.
 */
export function csvLine(values: readonly CsvValue[]): string {
  return `${values.map(csvCell).join(',')}\r\n`;
}
