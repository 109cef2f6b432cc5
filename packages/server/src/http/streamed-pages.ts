import { Readable } from 'node:stream';

/**
 * The same pages, with the first one read already: a failure up to there still becomes a problem document. Ending the
 * reading early lets go of whatever the pages hold.
 */
export async function readFirst<T>(pages: AsyncIterable<T>): Promise<AsyncIterable<T>> {
  const iterator = pages[Symbol.asyncIterator]();
  const first = await iterator.next();
  async function* all(): AsyncGenerator<T, void, undefined> {
    try {
      for (let page = first; page.done !== true; page = await iterator.next()) yield page.value;
    } finally {
      await iterator.return?.();
    }
  }
  return all();
}

/**
 * A body that is written as its pieces are made, each when the client has taken the one before, so that memory does not
 * grow with their number. A failure cuts the connection: half an export must not look whole.
 */
export function streamText(pieces: AsyncIterable<string>): Readable {
  return Readable.from(pieces, { objectMode: false });
}
