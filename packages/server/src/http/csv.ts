type Cell = string | number | null;

/**
 * One cell of RFC 4180, written as in the ledger export: text that a spreadsheet would run as a formula gets a single
 * quote in front, and so does text that begins with one, so that taking one off gives back what was there.
 */
function csvCell(cell: Cell): string {
  if (cell === null) return '';
  if (typeof cell === 'number') return String(cell);
  const escaped = /^[=+\-@\t\r']/.test(cell) ? `'${cell}` : cell;
  return escaped === '' || /[",\r\n]/.test(escaped) ? `"${escaped.replaceAll('"', '""')}"` : escaped;
}

export function csvLine(cells: readonly Cell[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`;
}
