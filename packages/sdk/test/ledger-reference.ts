/**
 * A second implementation of docs/ledger-verification.md, written from that page alone and sharing nothing with the one
 * under test: a ledger of the rules' own making, its tree by the recursive definition, its checkpoints and its exports.
 */
import { createHash, createPrivateKey, createPublicKey, sign, type KeyObject } from 'node:crypto';

export interface ReferenceEntry {
  seq: number;
  kind: string;
  from: string;
  to: string;
  amount: number;
  available_after: number;
  reserved_after: number;
  spent_after: number;
  batch_id: string | null;
  task_id: string | null;
  task_index: number | null;
  reverses_seq: number | null;
  reason: string | null;
  reference: string | null;
  created_at: string;
  leaf_hash?: string;
}

export const ACCOUNT_ID = 'acct_3yMApqCuCjXDWPrbjfR5mj';
export const SERVER_NAME = 'rushes.example.com';

const sha256 = (...parts: (Uint8Array | string)[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

export function base58(bytes: Uint8Array): string {
  const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
  let value = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  let text = '';
  for (; value > 0n; value /= 58n) text = alphabet.charAt(Number(value % 58n)) + text;
  const zeros = bytes.findIndex((byte) => byte !== 0);
  return '1'.repeat(zeros === -1 ? bytes.length : zeros) + text;
}

const batchBytes = (number: number): Buffer => sha256(`batch ${number}`).subarray(0, 16);
export const batchId = (number: number): string => `bat_${base58(batchBytes(number))}`;

function taskId(number: number, index: number): string {
  const bytes = Buffer.alloc(24);
  batchBytes(number).copy(bytes);
  bytes.writeBigUInt64BE(BigInt(index), 16);
  return `tsk_${base58(bytes)}`;
}

/** Ed25519 keys have 32 bytes of seed; the prefix is the rest of PKCS #8 (RFC 8410). */
export class Signer {
  readonly name: string;
  readonly #key: KeyObject;
  readonly #publicKey: Buffer;

  constructor(seed: number, name = SERVER_NAME) {
    this.name = name;
    const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, seed)]);
    this.#key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    this.#publicKey = createPublicKey(this.#key).export({ format: 'der', type: 'spki' }).subarray(-32);
  }

  get #hash(): Buffer {
    return sha256(`${this.name}\n`, Buffer.of(1), this.#publicKey).subarray(0, 4);
  }

  get vkey(): string {
    const encoded = Buffer.concat([Buffer.of(1), this.#publicKey]).toString('base64');
    return `${this.name}+${this.#hash.toString('hex')}+${encoded}`;
  }

  note(text: string): string {
    const signature = Buffer.concat([this.#hash, sign(null, Buffer.from(text), this.#key)]).toString('base64');
    return `${text}\n— ${this.name} ${signature}\n`;
  }
}

export function leaf(entry: ReferenceEntry, accountId = ACCOUNT_ID): Buffer {
  const fields = [
    accountId,
    entry.seq,
    entry.kind,
    entry.from,
    entry.to,
    entry.amount,
    entry.available_after,
    entry.reserved_after,
    entry.spent_after,
    entry.batch_id,
    entry.task_index,
    entry.reverses_seq,
    entry.reason,
    entry.reference,
    entry.created_at,
  ];
  const parts: Buffer[] = [Buffer.of(1)];
  for (const field of fields) {
    const length = Buffer.alloc(4);
    if (field === null) parts.push(Buffer.alloc(4, 0xff));
    else {
      const bytes = Buffer.from(String(field), 'utf8');
      length.writeUInt32BE(bytes.length);
      parts.push(length, bytes);
    }
  }
  return Buffer.concat(parts);
}

export const leafHash = (entry: ReferenceEntry, accountId = ACCOUNT_ID): Buffer =>
  sha256(Buffer.of(0), leaf(entry, accountId));

function splitPoint(count: number): number {
  let k = 1;
  while (k * 2 < count) k *= 2;
  return k;
}

/** Section 2.1 of RFC 6962, as it stands there. */
export function root(hashes: readonly Buffer[]): Buffer {
  const [first] = hashes;
  if (first === undefined) return sha256('');
  if (hashes.length === 1) return first;
  const k = splitPoint(hashes.length);
  return sha256(Buffer.of(1), root(hashes.slice(0, k)), root(hashes.slice(k)));
}

/** Section 2.1.1. */
export function inclusionPath(index: number, hashes: readonly Buffer[]): Buffer[] {
  if (hashes.length <= 1) return [];
  const k = splitPoint(hashes.length);
  return index < k
    ? [...inclusionPath(index, hashes.slice(0, k)), root(hashes.slice(k))]
    : [...inclusionPath(index - k, hashes.slice(k)), root(hashes.slice(0, k))];
}

/** Section 2.1.2. */
export function consistencyPath(from: number, hashes: readonly Buffer[], isWhole = true): Buffer[] {
  if (from === hashes.length) return isWhole ? [] : [root(hashes)];
  const k = splitPoint(hashes.length);
  return from <= k
    ? [...consistencyPath(from, hashes.slice(0, k), isWhole), root(hashes.slice(k))]
    : [...consistencyPath(from - k, hashes.slice(k), false), root(hashes.slice(0, k))];
}

/** Roots of the largest complete subtrees over [start, end), from left to right. */
function cover(hashes: readonly Buffer[], start: number, end: number): string[] {
  const found: string[] = [];
  for (let at = start; at < end;) {
    let width = 1;
    while (at % (width * 2) === 0 && at + width * 2 <= end) width *= 2;
    found.push(root(hashes.slice(at, at + width)).toString('base64'));
    at += width;
  }
  return found;
}

interface Step {
  readonly kind: string;
  readonly amount: number;
  readonly batch?: number;
  readonly task?: number;
  readonly reverses?: number;
  readonly reason?: string | null;
  readonly reference?: string | null;
}

const MOVES: Readonly<Record<string, readonly [string, string]>> = {
  purchase: ['external', 'available'],
  grant: ['external', 'available'],
  reserve: ['available', 'reserved'],
  charge: ['reserved', 'spent'],
  refund: ['reserved', 'available'],
  forfeit: ['reserved', 'spent'],
  reversal: ['spent', 'available'],
  revoke: ['available', 'external'],
};

const START_MS = Date.UTC(2026, 10, 1, 8);

/** Entries with balances, ids and times worked out. */
export function ledgerOf(steps: Iterable<Step>): ReferenceEntry[] {
  const balances: Record<string, number> = { external: 0, available: 0, reserved: 0, spent: 0 };
  const entries: ReferenceEntry[] = [];
  for (const step of steps) {
    const seq = entries.length + 1;
    const [from, to] = MOVES[step.kind]!;
    balances[from]! -= step.amount;
    balances[to]! += step.amount;
    entries.push({
      seq,
      kind: step.kind,
      from,
      to,
      amount: step.amount,
      available_after: balances['available']!,
      reserved_after: balances['reserved']!,
      spent_after: balances['spent']!,
      batch_id: step.batch === undefined ? null : batchId(step.batch),
      task_id: step.batch === undefined || step.task === undefined ? null : taskId(step.batch, step.task),
      task_index: step.task ?? null,
      reverses_seq: step.reverses ?? null,
      reason: step.reason ?? null,
      reference: step.reference ?? null,
      created_at: new Date(START_MS + seq * 1_000).toISOString().replace('Z', '123Z'),
    });
  }
  return entries;
}

/** Everything that can stand in a ledger, with text that is hard to carry: formulas, quotes, lines, other scripts. */
export function sampleLedger(): ReferenceEntry[] {
  return ledgerOf([
    { kind: 'purchase', amount: 200_000, reason: 'wire, "November"', reference: 'INV-2026-0001' },
    { kind: 'grant', amount: 500, reason: '=HYPERLINK("x")', reference: "'quoted" },
    { kind: 'reserve', amount: 147, batch: 1 },
    { kind: 'charge', amount: 49, batch: 1, task: 0 },
    { kind: 'refund', amount: 49, batch: 1, task: 1, reason: 'timeout' },
    { kind: 'forfeit', amount: 49, batch: 1, task: 2, reason: 'moderation_input' },
    { kind: 'reserve', amount: 1_198, batch: 2 },
    { kind: 'reversal', amount: 20, reverses: 4, reason: 'Störung, größer\nzwei Zeilen', reference: 'dispute 1 🎬' },
    { kind: 'charge', amount: 599, batch: 2, task: 1 },
    { kind: 'reversal', amount: 29, reverses: 4, reason: '', reference: '@late' },
    { kind: 'revoke', amount: 100, reason: 'charged back', reference: 'INV-2026-0001' },
  ]);
}

/** Batches of `tasks` tasks, mostly charged, until there are `count` entries. */
export function* manySteps(count: number, tasks = 20): Generator<Step> {
  yield { kind: 'purchase', amount: 1_000_000_000, reason: 'paid', reference: 'INV-1' };
  for (let made = 1, batch = 1; made < count; batch += 1) {
    yield { kind: 'reserve', amount: tasks * 49, batch };
    made += 1;
    for (let task = 0; task < tasks && made < count; task += 1, made += 1) {
      const kind = task % 10 === 9 ? 'refund' : 'charge';
      yield { kind, amount: 49, batch, task, reason: kind === 'refund' ? 'provider_error' : null };
    }
  }
}

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
