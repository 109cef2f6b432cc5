/** Checks the server's proofs: that an entry is in a ledger, and that two checkpoints agree. */
import type { LedgerEntry } from '../types.ts';
import { fromBase64 } from './bytes.ts';
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import { type LedgerKeys, readLedgerKeys } from './keys.ts';
import { LeafEncoder } from './leaf.ts';
import { HASH_BYTES, verifyConsistency, verifyInclusion } from './merkle.ts';
import { checkNote } from './note.ts';
import { sha256 } from './sha256.ts';

/** The result of checking a proof: the checkpoint that it leads to, or what is wrong. */
export type ProofCheck =
  | { readonly ok: true; readonly checkpoint: Checkpoint }
  /** The proof is not valid; `error` says why. */
  | { readonly ok: false; readonly error: string };

const PROOF_FORMAT = 'c2sp.org/tlog-proof@v1';
/** The number of hashes in a proof for a tree of 2^53 leaves. */
const HASHES_MAX = 2 * 53;

function readHashes(lines: readonly string[]): Uint8Array[] | null {
  if (lines.length > HASHES_MAX) return null;
  const hashes = lines.map(fromBase64);
  return hashes.every((hash) => hash?.length === HASH_BYTES) ? (hashes as Uint8Array[]) : null;
}

/**
 * Checks a proof (https://c2sp.org/tlog-proof) that this entry is in a ledger signed by a trusted key. Throws
 * `RushesError` only when the keys cannot be used.
 */
export async function verifyLedgerProof(
  proof: string,
  entry: LedgerEntry,
  options: { readonly keys: LedgerKeys | readonly string[] },
): Promise<ProofCheck> {
  const keys = readLedgerKeys(options.keys);
  const split = proof.indexOf('\n\n');
  const [format, ...lines] = proof.slice(0, Math.max(split, 0)).split('\n');
  if (format !== PROOF_FORMAT)
    return { ok: false, error: `this is not a proof: it does not begin with ${PROOF_FORMAT}` };
  if (lines[0]?.startsWith('extra ') === true) lines.shift();
  const index = /^index (0|[1-9][0-9]{0,15})$/.exec(lines.shift() ?? '')?.[1];
  const hashes = readHashes(lines);
  if (index === undefined || hashes === null)
    return { ok: false, error: 'the proof has no valid index, or one of its lines is not a hash' };
  const checkpoint = parseCheckpoint(proof.slice(split + 2));
  if ('error' in checkpoint) return { ok: false, error: `the proof's checkpoint cannot be read: ${checkpoint.error}` };
  if ((await checkNote(checkpoint.note, keys)).state !== 'good') {
    return { ok: false, error: `the checkpoint of ${checkpoint.origin} is not signed by a key that you trust` };
  }
  if (Number(index) !== entry.seq - 1) {
    return { ok: false, error: `the proof is about entry ${Number(index) + 1}, not about entry ${entry.seq}` };
  }
  const leafHash = sha256(new LeafEncoder(checkpoint.accountId).hashInput(entry));
  const { size, root } = checkpoint;
  const isProven = verifyInclusion({ index: Number(index), size, leafHash, root, proof: hashes });
  if (isProven) return { ok: true, checkpoint };
  return { ok: false, error: `entry ${entry.seq} with these fields is not in the ledger of this checkpoint` };
}

/** A consistency proof: its hashes, in the order of RFC 6962. */
export interface ConsistencyProof {
  readonly hashes: readonly Uint8Array[];
}

/** The hashes in a consistency proof, or null when the text is not a consistency proof. */
export function parseConsistencyProof(text: string): ConsistencyProof | null {
  if (text === '') return { hashes: [] };
  if (!text.endsWith('\n')) return null;
  const hashes = readHashes(text.slice(0, -1).split('\n'));
  return hashes === null ? null : { hashes };
}

/**
 * Checks a proof that the ledger of the later checkpoint begins with the whole ledger of the earlier one. Both
 * checkpoints must be signed. Throws `RushesError` only when the keys cannot be used.
 */
export async function verifyLedgerConsistency(
  proof: string,
  earlier: string,
  later: string,
  options: { readonly keys: LedgerKeys | readonly string[] },
): Promise<ProofCheck> {
  const keys = readLedgerKeys(options.keys);
  const [from, to] = [parseCheckpoint(earlier), parseCheckpoint(later)];
  if ('error' in from) return { ok: false, error: `the earlier checkpoint cannot be read: ${from.error}` };
  if ('error' in to) return { ok: false, error: `the later checkpoint cannot be read: ${to.error}` };
  if (from.serverName !== to.serverName || from.accountId !== to.accountId) {
    return { ok: false, error: `the checkpoints are of two different ledgers, ${from.origin} and ${to.origin}` };
  }
  for (const each of [from, to]) {
    if ((await checkNote(each.note, keys)).state === 'good') continue;
    return { ok: false, error: `the checkpoint of ${each.size} entries is not signed by a key that you trust` };
  }
  const parsed = parseConsistencyProof(proof);
  if (parsed === null)
    return { ok: false, error: 'the proof cannot be read: it must have one hash in base64 per line' };
  const roots = { fromRoot: from.root, toRoot: to.root, proof: parsed.hashes };
  if (verifyConsistency({ from: from.size, to: to.size, ...roots })) return { ok: true, checkpoint: to };
  return {
    ok: false,
    error: `the ledger of ${to.size} entries does not begin with the ledger of ${from.size} entries: history was rewritten, or the proof is wrong`,
  };
}
