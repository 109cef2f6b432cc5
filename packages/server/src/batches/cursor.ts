/**
 * The content of a cursor: the object that the next page begins after. Customers cannot read it, and it is checked like
 * all input.
 */
export type CursorParts = readonly (string | number)[];

const LONGEST_CURSOR = 256;

export function encodeCursor(parts: CursorParts): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/** The parts of a cursor, or null for text that encodeCursor did not make. */
export function decodeCursor(text: string): CursorParts | null {
  if (text.length > LONGEST_CURSOR || !/^[\w-]+$/.test(text)) return null;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    return null;
  }
  const isPart = (part: unknown): part is string | number => typeof part === 'string' || Number.isSafeInteger(part);
  if (!Array.isArray(value) || !value.every(isPart)) return null;
  return encodeCursor(value) === text ? value : null;
}
