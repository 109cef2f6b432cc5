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
