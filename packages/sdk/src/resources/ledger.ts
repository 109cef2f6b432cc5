import { ApiPromise } from '../api-promise.ts';
import { list, type ListParams, type PagePromise } from '../page.ts';
import type { RequestOptions } from '../transport/request.ts';
import type { Answer, Transport } from '../transport/transport.ts';
import type { LedgerEntry } from '../types.ts';

export interface LedgerListParams extends ListParams {
  /** Newest first when left out. */
  order?: 'asc' | 'desc';
}

export interface LedgerExportParams {
  /** `csv` when left out. */
  format?: 'csv' | 'json' | 'jsonl';
  /** Entries from this time on. */
  from?: Date | string;
  /** Entries before this time. */
  to?: Date | string;
}

const EXPORT_TYPES = { csv: 'text/csv', json: 'application/json', jsonl: 'application/x-ndjson' } as const;

/** The ledger: one entry for every movement of a credit. */
export class Ledger {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Newest first. */
  list(params: LedgerListParams = {}, options?: RequestOptions): PagePromise<LedgerEntry> {
    return list(this.#transport, () => ({ path: '/v1/ledger', query: { ...params } }), options);
  }

  /**
   * The export as a stream of bytes, oldest entry first. The stream fails with `ConnectionError` when it breaks off: an
   * export is whole only when the stream ended by itself.
   */
  export(params: LedgerExportParams = {}, options?: RequestOptions): ApiPromise<ReadableStream<Uint8Array>> {
    const open = async (): Promise<Answer<ReadableStream<Uint8Array>>> => {
      const format = params.format ?? 'csv';
      const accept = `${EXPORT_TYPES[format]}, */*;q=0.5`;
      const spec = { method: 'GET', path: '/v1/ledger/export', query: { ...params, format }, accept } as const;
      const { data, response } = await this.#transport.stream(spec, options);
      return { data: data.toReadableStream(), response };
    };
    return new ApiPromise(open());
  }
}
