import type { ApiPromise } from '../api-promise.ts';
import type { LedgerKeys } from '../ledger/keys.ts';
import type { ListParams, PagePromise } from '../page.ts';
import { Resource } from '../resource.ts';
import { text, webStream } from '../transport/readers.ts';
import type { RequestOptions } from '../transport/request.ts';
import type { LedgerEntry } from '../types.ts';

/** Order and page of `ledger.list`. */
export interface LedgerListParams extends ListParams {
  /** Newest first when left out. */
  order?: 'asc' | 'desc';
}

/** Range and format of `ledger.export`. */
export interface LedgerExportParams {
  /** The default is `csv`. */
  format?: 'csv' | 'json' | 'jsonl';
  /** Only entries from this time on. */
  from?: Date | string;
  /** Only entries before this time. */
  to?: Date | string;
}

/** The entry to prove, and the checkpoint that the proof leads to. */
export interface LedgerProofParams {
  /** Number of the entry. */
  seq: number;
  /** Size of the checkpoint in entries. The default is the latest checkpoint. */
  size?: number;
}

/** The two checkpoints of a consistency proof, by their sizes in entries. */
export interface LedgerConsistencyParams {
  /** Size of the earlier checkpoint. */
  from: number;
  /** Size of the later checkpoint. */
  to: number;
}

const EXPORT_TYPES = { csv: 'text/csv', json: 'application/json', jsonl: 'application/x-ndjson' } as const;

const checkpointText = text((answer) => answer.includes('\n\n— '));
const proofText = text((answer) => answer.startsWith('c2sp.org/tlog-proof@'));
const hashLines = text((answer) => /^(?:[A-Za-z0-9+/]{43}=\n)*$/.test(answer));

/** The ledger: one entry for every movement of credits. */
export class LedgerResource extends Resource {
  /** Lists entries, newest first. */
  list(params: LedgerListParams = {}, options?: RequestOptions): PagePromise<LedgerEntry> {
    return this.transport.list({ path: '/v1/ledger', query: params }, options);
  }

  /**
   * Exports the ledger as a stream of bytes, oldest entry first. The stream fails with `ConnectionError` when it is cut
   * off. So an export is complete only when its stream ends without an error.
   */
  export(params: LedgerExportParams = {}, options?: RequestOptions): ApiPromise<ReadableStream<Uint8Array>> {
    const { format = 'csv' } = params;
    const accept = `${EXPORT_TYPES[format]}, */*;q=0.5`;
    const query = { ...params, format };
    return this.transport.call({ method: 'GET', path: '/v1/ledger/export', query, accept, read: webStream }, options);
  }

  /**
   * Gets the latest checkpoint, as text to keep; `parseCheckpoint` of `@rushes/sdk/ledger` reads it. Rejects with
   * `NotFoundError` when there is no checkpoint yet.
   */
  checkpoint(options?: RequestOptions): ApiPromise<string> {
    return this.transport.call({ method: 'GET', path: '/v1/ledger/checkpoint', read: checkpointText }, options);
  }

  /**
   * Gets a proof that one entry is in the ledger of a checkpoint. `verifyLedgerProof` of `@rushes/sdk/ledger` checks
   * it.
   */
  proof(params: LedgerProofParams, options?: RequestOptions): ApiPromise<string> {
    return this.transport.call({ method: 'GET', path: '/v1/ledger/proof', query: params, read: proofText }, options);
  }

  /**
   * Gets a proof that the ledger of one size begins with the whole ledger of a smaller size. `verifyLedgerConsistency`
   * of `@rushes/sdk/ledger` checks it.
   */
  consistency(params: LedgerConsistencyParams, options?: RequestOptions): ApiPromise<string> {
    const path = '/v1/ledger/consistency';
    return this.transport.call({ method: 'GET', path, query: params, read: hashLines }, options);
  }

  /**
   * Gets the keys that sign checkpoints. Fetch them once and keep them: checkpoints and proofs are checked with them.
   */
  keys(options?: RequestOptions): ApiPromise<LedgerKeys> {
    return this.transport.call({ method: 'GET', path: '/.well-known/rushes-ledger-keys' }, options);
  }
}
