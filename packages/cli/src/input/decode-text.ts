import { CliError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';

function startsWith(bytes: Uint8Array, mark: readonly number[]): boolean {
  return mark.every((byte, at) => bytes[at] === byte);
}

function encodingOf(bytes: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' {
  if (startsWith(bytes, [0xff, 0xfe])) return 'utf-16le';
  if (startsWith(bytes, [0xfe, 0xff])) return 'utf-16be';
  return 'utf-8';
}

/** The line with the first byte that is not UTF-8. */
function lineOfBadByte(bytes: Uint8Array): number {
  let good = 0;
  let bad = bytes.length;
  const decodes = (length: number): boolean => {
    try {
      // While streaming, a character that is cut at the end is not an error.
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, length), { stream: true });
      return true;
    } catch {
      return false;
    }
  };
  while (good + 1 < bad) {
    const middle = Math.floor((good + bad) / 2);
    if (decodes(middle)) good = middle;
    else bad = middle;
  }
  let line = 1;
  for (let at = 0; at < good; at += 1) if (bytes[at] === 0x0a) line += 1;
  return line;
}

/**
 * The text of a file in UTF-8 (with or without a byte order mark) or UTF-16 (with one). Throws `CliError` with the line
 * for other bytes, so that a file in an old code page does not become prompts full of replacement characters.
 */
export function decodeText(bytes: Uint8Array, source: string): string {
  const encoding = encodingOf(bytes);
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    const line = encoding === 'utf-8' ? lineOfBadByte(bytes) : null;
    const detail =
      encoding === 'utf-8' ? 'is not UTF-8' : `is not ${encoding.toUpperCase()}, although its first bytes say so`;
    throw new CliError('invalid_input', `${source} cannot be read as text.`, {
      exitCode: EXIT.usage,
      source,
      problems: [{ index: null, line, custom_id: null, param: null, code: 'bad_syntax', detail }],
      advice: ['Save it as UTF-8 ("CSV UTF-8" in a spreadsheet) and try again.'],
    });
  }
}
