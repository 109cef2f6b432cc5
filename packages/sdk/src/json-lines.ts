import { ConnectionError } from './errors.ts';

/** The longest line that is put together; a task with its prompt is a fraction of this. */
const LINE_MAX_CHARACTERS = 4 * 1024 * 1024;

/**
 * The values of a body of JSON lines. A line that is not a JSON document, or a last one without its end, means that the
 * body was cut: `ConnectionError`.
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
    if (rest.length > LINE_MAX_CHARACTERS) throw new ConnectionError(`${label}: a line is longer than any answer.`);
  }
  rest += decoder.decode();
  if (rest.trim() !== '') yield parseLine(rest, label);
}

function parseLine(line: string, label: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new ConnectionError(`${label}: the answer broke off inside a line.`, { cause: error });
  }
}
