/** Checkpoints and exports of the reference ledger, written from docs/ledger-verification.md alone. */
import { ACCOUNT_ID, leafHash, type ReferenceEntry, Signer } from './ledger-reference.ts';
import { cover, root } from './tree-by-definition.ts';

export interface ExportOptions {
  readonly signer?: Signer;
  readonly accountId?: string;
  readonly epoch?: number;
  readonly previousEpochs?: readonly unknown[];
  /** Size of the checkpoint; all entries when left out. */
  readonly size?: number;
  readonly first?: number;
  readonly last?: number;
  readonly withLeafHashes?: boolean;
}

export const SIGNER = new Signer(7);

export function checkpoint(entries: readonly ReferenceEntry[], options: ExportOptions = {}): string {
  const { signer = SIGNER, accountId = ACCOUNT_ID, epoch = 1, size = entries.length } = options;
  const top = root(entries.slice(0, size).map((entry) => leafHash(entry, accountId)));
  const origin = `${signer.name}/ledger/${accountId}${epoch === 1 ? '' : `/epoch-${epoch}`}`;
  return signer.note(`${origin}\n${size}\n${top.toString('base64')}\n`);
}

export interface Export {
  readonly header: Record<string, unknown>;
  readonly entries: ReferenceEntry[];
}

export function exportOf(entries: readonly ReferenceEntry[], options: ExportOptions = {}): Export {
  const { accountId = ACCOUNT_ID, size = entries.length, first = 1, last = size, withLeafHashes = true } = options;
  const hashes = entries.slice(0, size).map((entry) => leafHash(entry, accountId));
  const range = { first, last, left: cover(hashes, 0, first - 1), right: cover(hashes, last, size) };
  return {
    header: {
      account_id: accountId,
      checkpoint: checkpoint(entries, options),
      previous_epochs: options.previousEpochs ?? [],
      range,
    },
    entries: entries
      .slice(first - 1, last)
      .map((entry) =>
        withLeafHashes ? { ...entry, leaf_hash: leafHash(entry, accountId).toString('base64') } : entry,
      ),
  };
}

export const FORMATS = ['json', 'jsonl', 'csv'] as const;
export type Format = (typeof FORMATS)[number];

/** The columns of an export. @public bench/ledger-verification.ts */
export const COLUMNS = [
  'seq',
  'kind',
  'from',
  'to',
  'amount',
  'available_after',
  'reserved_after',
  'spent_after',
  'batch_id',
  'task_id',
  'task_index',
  'reverses_seq',
  'reason',
  'reference',
  'created_at',
  'leaf_hash',
] as const satisfies readonly (keyof ReferenceEntry)[];

function csvCell(value: string | number | null): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const escaped = /^[=+\-@\t\r']/.test(value) ? `'${value}` : value;
  return escaped === '' || /[",\r\n]/.test(escaped) ? `"${escaped.replaceAll('"', '""')}"` : escaped;
}

/** One line of a CSV export. @public bench/ledger-verification.ts */
export function csvLine(entry: ReferenceEntry): string {
  return `${COLUMNS.map((column) => csvCell(entry[column] ?? null)).join(',')}\r\n`;
}

/** The file that a server writes. */
export function render({ header, entries }: Export, format: Format): string {
  if (format === 'jsonl') return [header, ...entries].map((each) => `${JSON.stringify(each)}\n`).join('');
  if (format === 'json') {
    const list = entries.map((entry) => `\n${JSON.stringify(entry)}`).join(',');
    return `${JSON.stringify(header).slice(0, -1)},"entries":[${list}\n]}\n`;
  }
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const note = header['checkpoint'] as string | null;
  const members: [string, string][] = [
    ['#account', String(header['account_id'])],
    ['#checkpoint', note === null ? '' : base64(note)],
    ['#previous_epochs', base64(JSON.stringify(header['previous_epochs']))],
    ['#range', base64(JSON.stringify(header['range']))],
  ];
  const rest = ','.repeat(COLUMNS.length - 2);
  const lines = members.map(([name, value]) => `${name},${value}${rest}\r\n`);
  return `${COLUMNS.join(',')}\r\n${lines.join('')}${entries.map(csvLine).join('')}`;
}
