import { usageError } from '../cli-error.ts';
import type { Files } from '../files/files.ts';

/**
 * Reads `name: value` lines, as in the output of curl -i and in request logs. Other lines, such as the request line,
 * are skipped.
 */
function headerLines(text: string): [string, string][] {
  return text.split(/\r\n|\n|\r/).flatMap((line): [string, string][] => {
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):\s*(.*?)\s*$/.exec(line);
    return match === null ? [] : [[(match[1] ?? '').toLowerCase(), match[2] ?? '']];
  });
}

function headerObject(text: string): [string, string][] {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([name, each]): [string, string][] =>
    typeof each === 'string' ? [[name.toLowerCase(), each]] : [],
  );
}

/** The headers of a request: from a file that holds them all, and from single lines. */
export async function requestHeaders(
  files: Files,
  file: string | undefined,
  lines: readonly string[],
): Promise<Record<string, string>> {
  const found = lines.flatMap((line) => {
    const [header] = headerLines(line);
    if (header === undefined) throw usageError(`--header must be 'NAME: VALUE', not ${JSON.stringify(line)}.`);
    return [header];
  });
  if (file !== undefined) {
    const text = await files.text(file).catch((error: unknown) => {
      throw usageError(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    });
    try {
      found.push(...(text.trimStart().startsWith('{') ? headerObject(text) : headerLines(text)));
    } catch {
      throw usageError(`${file} starts like JSON, but is not JSON.`);
    }
  }
  if (found.length === 0) throw usageError('Give the headers with --headers FILE, or each one with --header.');
  return Object.fromEntries(found);
}
