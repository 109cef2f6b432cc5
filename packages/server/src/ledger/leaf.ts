/** Leaf of an entry in its account's tree, byte for byte as docs/ledger-verification.md has it. */
import { createHash } from 'node:crypto';
import { LEAF_FIELDS, accountIds, batchIds, type AccountUuid, type BatchUuid } from '@rushes/contract';
import { columnOf, type EntryRow } from './entry-view.ts';

const LEAF_VERSION = 0x01;
/** RFC 6962, section 2.1: leaves and nodes are hashed apart. */
const LEAF_PREFIX = 0x00;
const NULL_LENGTH = 0xffff_ffff;
const COLUMNS = LEAF_FIELDS.map(({ name }) => columnOf(name));

/** Hashes the leaves of one account. Keeps its buffer from leaf to leaf: a million leaves take about three seconds. */
export class LeafHasher {
  readonly #accountId: string;
  #buffer = Buffer.allocUnsafe(1_024);
  #batchUuid: BatchUuid | null = null;
  #batchId: string | null = null;

  constructor(accountUuid: AccountUuid) {
    this.#accountId = accountIds.format(accountUuid);
  }

  /** SHA-256(0x00 || leaf). */
  hash(row: EntryRow): Buffer {
    return createHash('sha256').update(this.#encode(row)).digest();
  }

  /** The leaf itself. */
  encode(row: EntryRow): Buffer {
    return Buffer.from(this.#encode(row).subarray(1));
  }

  #encode(row: EntryRow): Buffer {
    const fields: (string | number | null)[] = [this.#accountId];
    for (const column of COLUMNS) {
      fields.push(column === 'batch_id' ? this.#publicBatchId(row.batch_id) : row[column]);
    }
    // At most three bytes of UTF-8 for a UTF-16 unit.
    let limit = 2 + 4 * fields.length;
    for (const field of fields) limit += typeof field === 'string' ? 3 * field.length : 16;
    if (this.#buffer.length < limit) this.#buffer = Buffer.allocUnsafe(limit);
    const buffer = this.#buffer;
    buffer[0] = LEAF_PREFIX;
    buffer[1] = LEAF_VERSION;
    let at = 2;
    for (const field of fields) {
      if (field === null) {
        at = buffer.writeUInt32BE(NULL_LENGTH, at);
        continue;
      }
      const text = typeof field === 'number' ? String(field) : field;
      const length = buffer.write(text, at + 4, 'utf8');
      buffer.writeUInt32BE(length, at);
      at += 4 + length;
    }
    return buffer.subarray(0, at);
  }

  /** Entries of one batch follow one another. */
  #publicBatchId(batchUuid: BatchUuid | null): string | null {
    if (batchUuid !== this.#batchUuid) {
      this.#batchUuid = batchUuid;
      this.#batchId = batchUuid === null ? null : batchIds.format(batchUuid);
    }
    return this.#batchId;
  }
}
