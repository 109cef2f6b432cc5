/**
 * The fields of a ledger entry, in the order in which they are written in JSON and CSV. The fields with `inLeaf` are
 * written in the same order in the leaf of the account's tree. The schema, the server's row mapper and leaf, the
 * exports, the SDK's export reader and verifier, and the table in docs/ledger-verification.md are made from this list.
 *
 * The bytes of a leaf are signed. So a new field is `inLeaf: false`, unless the leaf gets a new version.
 */
import { LEDGER_BUCKETS, LEDGER_KINDS } from './states.ts';

/** `word`: one of a closed set. `positive`: a whole number, 1 or more; `whole`: 0 or more. `time`: UTC, microseconds. */
export type LedgerFieldKind = 'positive' | 'whole' | 'word' | 'text' | 'batch_id' | 'task_id' | 'task_index' | 'time';

export interface LedgerFieldFact {
  readonly name: string;
  readonly kind: LedgerFieldKind;
  readonly nullable: boolean;
  readonly inLeaf: boolean;
  /** All possible values of a `word`. */
  readonly words?: readonly string[];
  readonly description: string;
}

export const LEDGER_FIELDS = [
  { name: 'seq', kind: 'positive', nullable: false, inLeaf: true, description: '1, 2, 3, …' },
  {
    name: 'kind',
    kind: 'word',
    nullable: false,
    inLeaf: true,
    words: LEDGER_KINDS,
    description: 'what happened',
  },
  {
    name: 'from',
    kind: 'word',
    nullable: false,
    inLeaf: true,
    words: LEDGER_BUCKETS,
    description: 'where the credits were',
  },
  {
    name: 'to',
    kind: 'word',
    nullable: false,
    inLeaf: true,
    words: LEDGER_BUCKETS,
    description: 'where the credits are now',
  },
  { name: 'amount', kind: 'positive', nullable: false, inLeaf: true, description: 'credits moved, 1 or more' },
  {
    name: 'available_after',
    kind: 'whole',
    nullable: false,
    inLeaf: true,
    description: 'available credits after this entry',
  },
  {
    name: 'reserved_after',
    kind: 'whole',
    nullable: false,
    inLeaf: true,
    description: 'reserved credits after this entry',
  },
  { name: 'spent_after', kind: 'whole', nullable: false, inLeaf: true, description: 'spent credits after this entry' },
  { name: 'batch_id', kind: 'batch_id', nullable: true, inLeaf: true, description: '`bat_…` or null' },
  {
    name: 'task_id',
    kind: 'task_id',
    nullable: true,
    inLeaf: false,
    description: '`tsk_…` or null; follows from `batch_id` and `task_index`',
  },
  {
    name: 'task_index',
    kind: 'task_index',
    nullable: true,
    inLeaf: true,
    description: 'position in the batch, from 0 (at most 1,048,575), or null',
  },
  {
    name: 'reverses_seq',
    kind: 'positive',
    nullable: true,
    inLeaf: true,
    description: 'the entry that a reversal takes back, or null',
  },
  { name: 'reason', kind: 'text', nullable: true, inLeaf: true, description: 'text or null' },
  { name: 'reference', kind: 'text', nullable: true, inLeaf: true, description: 'text or null' },
  {
    name: 'created_at',
    kind: 'time',
    nullable: false,
    inLeaf: true,
    description: 'UTC to the microsecond: `YYYY-MM-DDTHH:MM:SS.ffffffZ`, always six digits',
  },
] as const satisfies readonly LedgerFieldFact[];

export type LedgerFieldName = (typeof LEDGER_FIELDS)[number]['name'];

/** The column or member of an export that has the hash of an entry's leaf, beside the fields of the entry. */
export const LEAF_HASH_FIELD = 'leaf_hash';

/**
 * The largest index that a verifier accepts: more than the items of any batch, and small enough that a forged index
 * cannot fill its memory.
 */
export const TASK_INDEX_MAX = 1_048_575;

/** Columns of an export as CSV, in order. */
export const LEDGER_EXPORT_COLUMNS: readonly (LedgerFieldName | typeof LEAF_HASH_FIELD)[] = [
  ...LEDGER_FIELDS.map(({ name }) => name),
  LEAF_HASH_FIELD,
];

type LeafField = Extract<(typeof LEDGER_FIELDS)[number], { inLeaf: true }>;

/** The fields of a leaf that follow the account's id, in order. */
export const LEAF_FIELDS: readonly LeafField[] = LEDGER_FIELDS.filter((field): field is LeafField => field.inLeaf);

/** Whether values of this kind are numbers. */
export function isNumberKind(kind: LedgerFieldKind): boolean {
  return kind === 'positive' || kind === 'whole' || kind === 'task_index';
}
