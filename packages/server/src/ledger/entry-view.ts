import {
  LEDGER_FIELDS,
  batchIds,
  taskIds,
  type BatchUuid,
  type LedgerEntry,
  type LedgerFieldName,
} from '@rushes/contract';

/** Fields that have another name in the database, where theirs are words of SQL. */
const RENAMED = { from: 'from_bucket', to: 'to_bucket' } as const;

/** `task_id` follows from the batch and the index. */
type StoredName = Exclude<LedgerFieldName, 'task_id'>;
type ColumnOf<Name extends StoredName> = Name extends keyof typeof RENAMED ? (typeof RENAMED)[Name] : Name;

/** A row of the ledger: ids as raw uuids, times as text to the microsecond. */
export type EntryRow = {
  readonly [Name in StoredName as ColumnOf<Name>]: Name extends 'batch_id' ? BatchUuid | null : LedgerEntry[Name];
};

/** The column of a field. */
export function columnOf<Name extends StoredName>(name: Name): ColumnOf<Name> {
  return (Object.hasOwn(RENAMED, name) ? RENAMED[name as keyof typeof RENAMED] : name) as ColumnOf<Name>;
}

const STORED = LEDGER_FIELDS.filter((field) => field.name !== 'task_id');

/** Times to the microsecond, as they are stored: a Date would cut them, and a range of time would miss entries. */
export const ENTRY_COLUMNS = STORED.map(({ name, kind }) =>
  kind === 'time'
    ? `to_char(${columnOf(name)} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS ${columnOf(name)}`
    : columnOf(name),
).join(', ');

type Reader = (row: EntryRow) => string | number | null;

const READERS = LEDGER_FIELDS.map((field): readonly [LedgerFieldName, Reader] => {
  switch (field.kind) {
    case 'batch_id':
      return [field.name, (row) => (row.batch_id === null ? null : batchIds.format(row.batch_id))];
    case 'task_id':
      return [
        field.name,
        (row) =>
          row.batch_id === null || row.task_index === null ? null : taskIds.format(row.batch_id, row.task_index),
      ];
    default: {
      const column = columnOf(field.name);
      return [field.name, (row) => row[column]];
    }
  }
});

/** The entry as the customer sees it. */
export function toEntry(row: EntryRow): LedgerEntry {
  return Object.fromEntries(READERS.map(([name, read]) => [name, read(row)])) as unknown as LedgerEntry;
}
