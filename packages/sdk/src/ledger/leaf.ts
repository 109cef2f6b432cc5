/** The canonical encoding of an entry, version 1. docs/ledger-verification.md defines every byte. */
import { LEAF_FIELDS } from '@rushes/contract/facts/ledger-fields';
import type { LedgerEntry } from '../types.ts';

const NAMES = LEAF_FIELDS.map(({ name }) => name);
const VERSION = 0x01;
const NULL_LENGTH = 0xffffffff;
const LENGTH_BYTES = 4;
/** UTF-8 has at most three bytes for each unit of a JavaScript string. */
const UTF8_BYTES_MAX = 3;

/**
 * Encodes the leaves of one account. It uses the same memory for each leaf, so that a million entries do not need a
 * million buffers.
 */
export class LeafEncoder {
  readonly #accountId: string;
  readonly #encoder = new TextEncoder();
  #bytes = new Uint8Array(1_024);
  #at = 0;

  constructor(accountId: string) {
    this.#accountId = accountId;
  }

  /** The bytes `0x00 || leaf`; their SHA-256 is the leaf hash. They are valid until the next call. */
  hashInput(entry: LedgerEntry): Uint8Array {
    this.#at = 0;
    this.#reserve(2);
    this.#bytes[0] = 0x00;
    this.#bytes[1] = VERSION;
    this.#at = 2;
    this.#text(this.#accountId);
    for (const name of NAMES) this.#value(entry[name]);
    return this.#bytes.subarray(0, this.#at);
  }

  #reserve(length: number): void {
    if (this.#at + length <= this.#bytes.length) return;
    const larger = new Uint8Array(2 * (this.#at + length));
    larger.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = larger;
  }

  #length(length: number): void {
    const bytes = this.#bytes;
    bytes[this.#at] = length >>> 24;
    bytes[this.#at + 1] = length >>> 16;
    bytes[this.#at + 2] = length >>> 8;
    bytes[this.#at + 3] = length;
    this.#at += LENGTH_BYTES;
  }

  #value(value: string | number | null): void {
    if (typeof value === 'number') this.#number(value);
    else if (value !== null) this.#text(value);
    else {
      this.#reserve(LENGTH_BYTES);
      this.#length(NULL_LENGTH);
    }
  }

  /** Its digits without the text between: a million entries would make eight million of those. */
  #number(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) {
      this.#text(String(value));
      return;
    }
    let length = 1;
    for (let power = 10; power <= value; power *= 10) length += 1;
    this.#reserve(LENGTH_BYTES + length);
    this.#length(length);
    let rest = value;
    for (let at = this.#at + length - 1; at >= this.#at; at -= 1) {
      const tenth = Math.floor(rest / 10);
      this.#bytes[at] = 0x30 + rest - tenth * 10;
      rest = tenth;
    }
    this.#at += length;
  }

  #text(text: string): void {
    this.#reserve(LENGTH_BYTES + text.length * UTF8_BYTES_MAX);
    const start = this.#at + LENGTH_BYTES;
    let at = start;
    for (let unit = 0; unit < text.length; unit += 1) {
      const code = text.charCodeAt(unit);
      if (code > 0x7f) {
        at = start + this.#encoder.encodeInto(text, this.#bytes.subarray(start)).written;
        break;
      }
      this.#bytes[at] = code;
      at += 1;
    }
    this.#length(at - start);
    this.#at = at;
  }
}
