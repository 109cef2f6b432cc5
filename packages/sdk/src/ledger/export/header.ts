/** The header of an export, in every format. */
import { fromBase64 } from '../bytes.ts';
import type { RawEntry } from '../entry.ts';
import { HASH_BYTES, subtreeHeights } from '../merkle.ts';
import { type LedgerProblem, problem, quote } from '../problem.ts';

/** The end of one epoch and the start of the next. docs/ledger-verification.md explains epochs. */
export interface EpochEnd {
  /** Number of the epoch that ended. */
  readonly epoch: number;
  /** Text of its last checkpoint. */
  readonly last_checkpoint: string;
  /** Text of the first checkpoint of the next epoch. */
  readonly first_checkpoint: string;
  /** Why the operator opened the next epoch. */
  readonly reason: string | null;
  /** RFC 3339. */
  readonly opened_at: string;
}

/** The entries of an export, and the hashes that represent the entries before and after them. */
export interface LedgerRange {
  /** Number of the first entry. */
  readonly first: number;
  /** Number of the last entry; one less than `first` when the export has no entries. */
  readonly last: number;
  /** Base64 of the largest complete subtrees before `first`, from left to right. */
  readonly left: readonly string[];
  /** The same after `last`. */
  readonly right: readonly string[];
}

/** The part of an export before its entries. */
export interface ExportHeader {
  readonly accountId: string;
  /** Null when nothing is sealed yet. */
  readonly checkpoint: string | null;
  readonly previousEpochs: readonly EpochEnd[];
  readonly range: LedgerRange;
}

/** A part of an export: first the header, then entries in groups of any size. */
export type ExportPart =
  | { readonly kind: 'header'; readonly header: ExportHeader }
  | { readonly kind: 'entries'; readonly entries: readonly RawEntry[] };

/**
 * The text cannot be read any further: it is not an export, or it was cut off. A verification reports this as a
 * problem.
 */
export class UnreadableExport extends Error {
  readonly problem: LedgerProblem;

  constructor(message: string, where: { readonly position?: number; readonly field?: string } = {}) {
    super(message);
    this.problem = problem(where.field === undefined ? 'not_an_export' : 'bad_field', message, where);
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isNumber = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isHashList = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((each) => typeof each === 'string' && fromBase64(each)?.length === HASH_BYTES);

function readRange(value: unknown): LedgerRange {
  const { first, last, left, right } = isObject(value) ? value : {};
  const isRight = isNumber(first) && first >= 1 && isNumber(last) && last >= first - 1;
  if (!isRight || !isHashList(left) || !isHashList(right)) {
    throw new UnreadableExport(`the header's range is ${quote(value)}, which is not a range`);
  }
  if (left.length !== subtreeHeights(0, first - 1).length) {
    throw new UnreadableExport(
      `the header's range has the wrong number of hashes (${left.length}) for the entries before entry ${first}`,
    );
  }
  return { first, last, left, right };
}

function readEpochs(value: unknown): EpochEnd[] {
  if (!Array.isArray(value)) throw new UnreadableExport("the header's previous_epochs is not a list");
  return value.map((each: unknown) => {
    const {
      epoch,
      last_checkpoint: last,
      first_checkpoint: first,
      reason,
      opened_at: openedAt,
    } = isObject(each) ? each : {};
    if (!isNumber(epoch) || typeof last !== 'string' || typeof first !== 'string' || typeof openedAt !== 'string') {
      throw new UnreadableExport(`${quote(each)} in the header's previous_epochs is not the end of an epoch`);
    }
    const why = typeof reason === 'string' ? reason : null;
    return { epoch, last_checkpoint: last, first_checkpoint: first, reason: why, opened_at: openedAt };
  });
}

/** The header from its members. Throws `UnreadableExport`. */
export function readHeader(members: Readonly<Record<string, unknown>>): ExportHeader {
  for (const name of ['account_id', 'checkpoint', 'previous_epochs', 'range']) {
    if (!Object.hasOwn(members, name)) {
      throw new UnreadableExport(`${name} is missing before the entries; every Rushes export has it there`);
    }
  }
  const { account_id: accountId, checkpoint } = members;
  if (typeof accountId !== 'string') throw new UnreadableExport("the header's account_id is not text");
  if (checkpoint !== null && typeof checkpoint !== 'string') {
    throw new UnreadableExport("the header's checkpoint is not text");
  }
  const previousEpochs = readEpochs(members['previous_epochs']);
  return { accountId, checkpoint, previousEpochs, range: readRange(members['range']) };
}

/** The value of a JSON text. Throws `UnreadableExport`, which names `what` and its place in the file. */
export function parseJson(text: string, what: string, position: number | null): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const where = position === null ? {} : { position };
    throw new UnreadableExport(`${what} is not JSON: ${quote(text.slice(0, 60))}`, where);
  }
}

/** An entry with its place in the file. Throws `UnreadableExport` when the value is not a JSON object. */
export function rawEntry(value: unknown, position: number): RawEntry {
  if (isObject(value)) return { position, fields: value };
  throw new UnreadableExport(`${quote(value)} is in the place of an entry`, { position });
}

/** `value` as a JSON object. Throws `UnreadableExport` when it is something else. */
export function objectOf(value: unknown, what: string): Record<string, unknown> {
  if (isObject(value)) return value;
  throw new UnreadableExport(`${what} is not a JSON object`);
}
