import { ApiPromise } from './api-promise.ts';
import { InvalidResponseError } from './errors.ts';
import { RushesError } from './rushes-error.ts';
import type { Answer } from './transport/answer.ts';
import { fillPath, type RequestSpec } from './transport/request.ts';

/** Parameters of every list, beside its filters. */
export interface ListParams {
  /** Number of objects in a page, 1 to 200. The default is 50. */
  limit?: number;
  /** The `next_cursor` of the previous page. */
  cursor?: string;
}

/** A page as the server sends it. */
export interface WirePage<T> {
  data: T[];
  has_more?: boolean;
  next_cursor?: string | null;
}

/** How to read a list: its path, and the query of the next page. */
export interface ListSpec<T> extends Pick<RequestSpec<unknown>, 'path' | 'ids' | 'query' | 'heldBackMs'> {
  /** The changes of the query for the page after the one that ends with `last`. The default is the cursor. */
  readonly next?: (last: T) => object;
}

/** One page of a list. Iterating over it gives the objects of this page and of all following pages. */
export class Page<T> implements AsyncIterable<T> {
  readonly data: T[];
  readonly has_more: boolean;
  readonly next_cursor: string | null;
  readonly #load: () => PagePromise<T> | null;

  constructor(wire: WirePage<T>, load: () => PagePromise<T> | null) {
    this.data = wire.data;
    this.has_more = wire.has_more ?? false;
    this.next_cursor = wire.next_cursor ?? null;
    this.#load = load;
  }

  /** The next page, or null when this is the last one. */
  nextPage(): PagePromise<T> | null {
    return this.has_more ? this.#load() : null;
  }

  /** This page and every page after it. */
  async *pages(): AsyncGenerator<Page<T>, void, undefined> {
    yield this;
    for (let next = await this.nextPage(); next !== null; next = await next.nextPage()) yield next;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for await (const page of this.pages()) yield* page.data;
  }
}

/** A list. Await it to get the first page, or iterate over it to get every object of every page. */
export class PagePromise<T> extends ApiPromise<Page<T>> implements AsyncIterable<T> {
  /** Every page, one request each. */
  async *pages(): AsyncGenerator<Page<T>, void, undefined> {
    yield* (await this).pages();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    yield* await this;
  }
}

function nextQuery<T>({ path, ids, query, next }: ListSpec<T>, page: WirePage<T>): object {
  const last = page.data.at(-1);
  if (next !== undefined && last !== undefined) return { ...query, ...next(last) };
  const cursor = page.next_cursor ?? null;
  const { cursor: before } = { ...query } as { cursor?: unknown };
  if (cursor === null || cursor === before) {
    throw new RushesError(
      `GET ${fillPath(path, ids)}: the server says that there are more objects, but gives no cursor.`,
    );
  }
  return { ...query, cursor };
}

/**
 * The page in an answer. `load` reads the next page; errors reject its promise. Throws `InvalidResponseError` for an
 * answer without a list.
 */
export function readPage<T>(
  { data, response }: Answer<WirePage<T>>,
  spec: ListSpec<T>,
  load: (makeSpec: () => ListSpec<T>) => PagePromise<T>,
): Answer<Page<T>> {
  if (!Array.isArray(data.data)) {
    const excerpt = JSON.stringify(data);
    throw new InvalidResponseError({ status: response.status, headers: response.headers, problem: null, excerpt });
  }
  // Nothing is held back where there is more already.
  const { heldBackMs: _, ...following } = spec;
  return { data: new Page(data, () => load(() => ({ ...following, query: nextQuery(spec, data) }))), response };
}
