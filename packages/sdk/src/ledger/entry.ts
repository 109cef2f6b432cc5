/** The form of an entry: rule 1 of docs/ledger-verification.md. */
import { LEDGER_FIELDS, TASK_INDEX_MAX, type LedgerFieldKind } from '@rushes/contract/facts/ledger-fields';
import type { LedgerEntry } from '../types.ts';
import { type LedgerProblem, problem, quote } from './problem.ts';
import type { TaskIds } from './task-id.ts';

/** A ledger entry in an export. */
export interface ExportedEntry extends LedgerEntry {
  /** Base64 of the leaf hash; missing when the file has none. */
  leaf_hash?: string;
}

/** An entry that has not been checked yet, and its place in the file. */
export interface RawEntry {
  readonly position: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

const TIME = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}Z$/;

const isNumber = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0);
const isText = (value: unknown): boolean => typeof value === 'string' && value.isWellFormed();

interface Form {
  readonly isRight: (value: unknown) => boolean;
  readonly description: string;
}

/** What a field of each kind must be. Any word is accepted, because a newer server may have more. */
const FORMS: Readonly<Record<LedgerFieldKind, Form>> = {
  positive: { isRight: (value) => isNumber(value) && value > 0, description: 'a whole number, 1 or more' },
  whole: { isRight: isNumber, description: 'a whole number, 0 or more' },
  word: { isRight: (value) => typeof value === 'string' && /^[a-z_]{1,40}$/.test(value), description: 'a word' },
  text: { isRight: isText, description: 'text' },
  batch_id: { isRight: isText, description: 'text' },
  task_id: { isRight: isText, description: 'text' },
  task_index: {
    isRight: (value) => isNumber(value) && value <= TASK_INDEX_MAX,
    description: `a whole number up to ${TASK_INDEX_MAX}`,
  },
  time: {
    isRight: (value) => typeof value === 'string' && TIME.test(value),
    description: 'a time like 2026-11-20T12:00:00.000000Z',
  },
};

function badField(field: string, seq: number | null, message: string): LedgerProblem {
  return problem('bad_field', message, { seq, field });
}

/** The entry, or what is wrong with its fields. */
export function readEntry(raw: RawEntry['fields'], taskIds: TaskIds): ExportedEntry | readonly LedgerProblem[] {
  let problems: LedgerProblem[] | null = null;
  const seq = FORMS.positive.isRight(raw['seq']) ? (raw['seq'] as number) : null;
  for (const { name, kind, nullable } of LEDGER_FIELDS) {
    const value = raw[name];
    const { isRight, description } = FORMS[kind];
    if (isRight(value) || (nullable && value === null)) continue;
    problems ??= [];
    const found = Object.hasOwn(raw, name) ? quote(value) : 'missing';
    problems.push(badField(name, seq, `${name} is ${found}; it must be ${description}${nullable ? ', or null' : ''}`));
  }
  if (problems !== null) return problems;
  const entry = raw as unknown as ExportedEntry;
  return checkIds(entry, taskIds) ?? entry;
}

function checkIds(entry: ExportedEntry, taskIds: TaskIds): readonly LedgerProblem[] | null {
  const { batch_id: batchId, task_index: index, task_id: taskId, seq } = entry;
  if (batchId !== null && !taskIds.isBatchId(batchId)) {
    return [badField('batch_id', seq, `batch_id ${quote(batchId)} is not the id of a batch`)];
  }
  const expected = batchId === null || index === null ? null : taskIds.of(batchId, index);
  if (taskId === expected) return null;
  const should = expected === null ? 'null' : quote(expected);
  return [
    badField('task_id', seq, `task_id is ${quote(taskId)}; with this batch_id and task_index it must be ${should}`),
  ];
}
