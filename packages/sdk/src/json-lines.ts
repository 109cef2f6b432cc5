import { ConnectionError } from './errors.ts';

/** Largest length of a line. A task with its prompt is much shorter. */
const LINE_MAX_CHARACTERS = 4 * 1024 * 1024;

/**
 * The values of a body of JSON lines. Throws `ConnectionError` when a line is not valid JSON or the last line has no
 * end, because then the body was cut off.
 */
export async function* parseJsonLines(
  body: AsyncIterable<Uint8Array>,
  label: string,
): AsyncGenerator<unknown, void, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.trim() !== '') yield parseLine(line, label);
    }
    if (rest.length > LINE_MAX_CHARACTERS) throw new ConnectionError(`${label}: a line of the answer is too long.`);
  }
  rest += decoder.decode();
  if (rest.trim() !== '') yield parseLine(rest, label);
}

function parseLine(line: string, label: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new ConnectionError(`${label}: the answer was cut off inside a line.`, { cause: error });
  }
}
