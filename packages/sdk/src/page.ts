import { ApiPromise } from './api-promise.ts';
import { InvalidResponseError } from './errors.ts';
import { RushesError } from './rushes-error.ts';
import type { Query, RequestOptions } from './transport/request.ts';
import type { Answer, Transport } from './transport/transport.ts';

/** What every list takes besides its filters. */
export interface ListParams {
  /** Objects in a page, 1 to 200; 50 when left out. */
  limit?: number;
  /** `next_cursor` of the page before. */
  cursor?: string;
}

interface WirePage<T> {
  data: T[];
  has_more?: boolean;
  next_cursor?: string | null;
}

/** How a list is read: where it is, and how the query of the next page follows from this one's. */
export interface ListSpec<T> {
  readonly path: string;
  readonly query: Query;
  readonly heldBackMs?: number;
  /** Defaults to the same query with the cursor put in. */
  readonly next?: (query: Query, last: T) => Query;
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

function nextQuery<T>(spec: ListSpec<T>, page: WirePage<T>): Query {
  const last = page.data.at(-1);
  if (spec.next !== undefined && last !== undefined) return spec.next(spec.query, last);
  const cursor = page.next_cursor ?? null;
  if (cursor === null || cursor === spec.query['cursor']) {
    throw new RushesError(`GET ${spec.path}: the server says that there is more, but not where.`);
  }
  return { ...spec.query, cursor };
}

async function loadPage<T>(
  transport: Transport,
  makeSpec: () => ListSpec<T>,
  options: RequestOptions | undefined,
): Promise<Answer<Page<T>>> {
  const spec = makeSpec();
  const { path, query, heldBackMs } = spec;
  const request = { method: 'GET', path, query, ...(heldBackMs === undefined ? {} : { heldBackMs }) } as const;
  const { data, response } = await transport.json<WirePage<T>>(request, options);
  if (!Array.isArray(data.data)) {
    const excerpt = JSON.stringify(data);
    throw new InvalidResponseError({ status: response.status, headers: response.headers, problem: null, excerpt });
  }
  const next = (): PagePromise<T> =>
    list(
      transport,
      () => ({ path, query: nextQuery(spec, data), ...(spec.next === undefined ? {} : { next: spec.next }) }),
      options,
    );
  return { data: new Page(data, next), response };
}

/** Reads the list that `makeSpec` describes; an error in making it rejects the promise. */
export function list<T>(transport: Transport, makeSpec: () => ListSpec<T>, options?: RequestOptions): PagePromise<T> {
  return new PagePromise(loadPage(transport, makeSpec, options));
}
