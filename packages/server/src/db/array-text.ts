export type ArrayElement = string | number | boolean | null | Uint8Array | Date;

/** What an element may be without quotes; also what PostgreSQL would take for a missing one is quoted. */
const PLAIN = /^(?!null$)[\w:./-]+$/i;

/**
 * An array in PostgreSQL's text format (PostgreSQL manual, 8.15.6). node-postgres quotes and escapes each element; most of
 * ours are ids, numbers and words of a closed list that need neither, and follow their like.
 */
export function arrayText(elements: readonly ArrayElement[]): string {
  let text = '';
  let last: ArrayElement | undefined;
  let lastText = '';
  for (const element of elements) {
    if (element !== last) {
      last = element;
      lastText = elementText(element);
    }
    text += text === '' ? lastText : `,${lastText}`;
  }
  return `{${text}}`;
}

function elementText(element: ArrayElement): string {
  if (element === null) return 'NULL';
  switch (typeof element) {
    case 'string':
      return PLAIN.test(element) ? element : `"${element.replaceAll(/["\\]/g, '\\$&')}"`;
    case 'number':
    case 'boolean':
      return String(element);
    default:
      if (element instanceof Date) return `"${element.toISOString()}"`;
      return `\\\\x${bufferOf(element).toString('hex')}`;
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
