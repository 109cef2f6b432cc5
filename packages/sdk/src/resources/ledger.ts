import { ApiPromise } from '../api-promise.ts';
import type { LedgerKeys } from '../ledger/keys.ts';
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

export interface LedgerProofParams {
  /** Number of the entry. */
  seq: number;
  /** Size of the checkpoint that it is proved against; the latest when left out. */
  size?: number;
}

export interface LedgerConsistencyParams {
  /** Size of the earlier checkpoint. */
  from: number;
  /** Size of the later one. */
  to: number;
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

  /** The latest checkpoint, as text to keep; `@rushes/sdk/ledger` reads it. `NotFoundError` before anything is sealed. */
  checkpoint(options?: RequestOptions): ApiPromise<string> {
    const isNote = (text: string): boolean => text.includes('\n\n— ');
    return new ApiPromise(this.#transport.text({ method: 'GET', path: '/v1/ledger/checkpoint' }, isNote, options));
  }

  /** A proof that one entry is in the ledger of a checkpoint, for `verifyLedgerProof`. */
  proof(params: LedgerProofParams, options?: RequestOptions): ApiPromise<string> {
    const spec = { method: 'GET', path: '/v1/ledger/proof', query: { ...params } } as const;
    return new ApiPromise(this.#transport.text(spec, (text) => text.startsWith('c2sp.org/tlog-proof@'), options));
  }

  /** A proof that the ledger of one size begins with all of that of a smaller one, for `verifyLedgerConsistency`. */
  consistency(params: LedgerConsistencyParams, options?: RequestOptions): ApiPromise<string> {
    const spec = { method: 'GET', path: '/v1/ledger/consistency', query: { ...params } } as const;
    return new ApiPromise(this.#transport.text(spec, (text) => /^(?:[A-Za-z0-9+/]{43}=\n)*$/.test(text), options));
  }

  /** The keys that sign checkpoints. Fetch them once and keep them: they are what everything else is checked with. */
  keys(options?: RequestOptions): ApiPromise<LedgerKeys> {
    const spec = { method: 'GET', path: '/.well-known/rushes-ledger-keys' } as const;
    return new ApiPromise(this.#transport.json<LedgerKeys>(spec, options));
  }
}
