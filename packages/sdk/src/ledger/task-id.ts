import { fromBase58, toBase58 } from './base58.ts';
import { copyOf } from './copy-of.ts';

const UUID_BYTES = 16;
const INDEX_BYTES = 8;
const REMEMBERED_BATCHES = 256;

/**
 * Makes ids of tasks from the id of the batch and the index. Keeps the last few batches, because reading a batch's id
 * takes longer than the rest of a check, and neighbouring entries are mostly of one batch.
 */
export class TaskIds {
  readonly #batches = new Map<string, Uint8Array | null>();

  /** The bytes in a batch's id, or null when the text is not such an id. */
  #batchBytes(batchId: string): Uint8Array | null {
    const known = this.#batches.get(batchId);
    if (known !== undefined) return known;
    const bytes = batchId.startsWith('bat_') ? fromBase58(batchId.slice('bat_'.length), UUID_BYTES) : null;
    if (this.#batches.size >= REMEMBERED_BATCHES) this.#batches.clear();
    this.#batches.set(copyOf(batchId), bytes);
    return bytes;
  }

  isBatchId(batchId: string): boolean {
    return this.#batchBytes(batchId) !== null;
  }

  /** The id that the task must have, or null when the batch's id is not valid. */
  of(batchId: string, index: number): string | null {
    const batch = this.#batchBytes(batchId);
    if (batch === null) return null;
    const bytes = new Uint8Array(UUID_BYTES + INDEX_BYTES);
    bytes.set(batch);
    const view = new DataView(bytes.buffer);
    view.setUint32(UUID_BYTES, Math.floor(index / 2 ** 32));
    view.setUint32(UUID_BYTES + 4, index % 2 ** 32);
    return `tsk_${toBase58(bytes)}`;
  }
}
