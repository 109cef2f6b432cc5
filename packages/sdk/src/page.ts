import { ApiPromise } from './api-promise.ts';
import { InvalidResponseError } from './errors.ts';
import { RushesError } from './rushes-error.ts';
import type { Answer } from './transport/answer.ts';
import { fillPath, type RequestSpec } from './transport/request.ts';

/** What every list takes besides its filters. */
export interface ListParams {
  /** Objects in a page, 1 to 200; 50 when left out. */
  limit?: number;
  /** `next_cursor` of the page before. */
  cursor?: string;
}

/** A page as the server sends it. */
export interface WirePage<T> {
  data: T[];
  has_more?: boolean;
  next_cursor?: string | null;
}

/** How a list is read: where it is, and how the query of the next page follows from this one's. */
export interface ListSpec<T> extends Pick<RequestSpec<unknown>, 'path' | 'ids' | 'query' | 'heldBackMs'> {
  /** What changes in the query for the page after the one that ends with `last`; the cursor when left out. */
  readonly next?: (last: T) => object;
}

/** One page of a list. Iterating it goes through this page and all pages after it. */
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

  /** The page after this one, or null when this is the last. */
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

/** A list: awaited it gives the first page, iterated it gives every object of every page. */
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
    throw new RushesError(`GET ${fillPath(path, ids)}: the server says that there is more, but not where.`);
  }
  return { ...query, cursor };
}

/** The page in an answer. `load` reads the one after it; an error in finding that one rejects its promise. Throws `InvalidResponseError` for an answer without a list. */
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
