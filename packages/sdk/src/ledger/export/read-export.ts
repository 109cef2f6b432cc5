import { readCsvExport } from './csv-reader.ts';
import { type ExportPart, UnreadableExport } from './header.ts';
import { readJsonExport } from './json-reader.ts';
import { type ExportChunks, TextBuffer } from './text-buffer.ts';

/**
 * Reads the header and then the entries of an export in any format, as the chunks arrive. Memory does not grow with the
 * size of the file. Throws `UnreadableExport`.
 */
export async function* readExport(chunks: ExportChunks): AsyncGenerator<ExportPart, void, undefined> {
  const buffer = new TextBuffer(chunks);
  try {
    while (buffer.text.trimStart() === '') {
      if (!(await buffer.more())) throw new UnreadableExport('the file is empty');
    }
    yield* buffer.text.trimStart().startsWith('{') ? readJsonExport(buffer) : readCsvExport(buffer);
  } finally {
    await buffer.close();
  }
}
