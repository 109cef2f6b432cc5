/** Checkpoints (https://c2sp.org/tlog-checkpoint) of an account's ledger. */
import { fromBase64 } from './bytes.ts';
import { HASH_BYTES } from './merkle.ts';
import { type Note, parseNote } from './note.ts';

/** A checkpoint: the server's signed statement that the ledger of this account has `size` entries and this root. */
export interface Checkpoint {
  readonly origin: string;
  readonly serverName: string;
  readonly accountId: string;
  /** 1, or more when the server was restored to an earlier time. */
  readonly epoch: number;
  readonly size: number;
  readonly root: Uint8Array;
  /** The whole text, including the signatures. */
  readonly text: string;
  readonly note: Note;
}

const ORIGIN = /^([^\s+]+)\/ledger\/(acct_[1-9A-HJ-NP-Za-km-z]+)(?:\/epoch-([1-9][0-9]{0,8}))?$/u;
const SIZE = /^(?:0|[1-9][0-9]{0,15})$/;

/** The checkpoint in a text, or why the text is not a checkpoint. Does not check the signature. */
export function parseCheckpoint(text: string): Checkpoint | { readonly error: string } {
  const note = parseNote(text);
  if ('error' in note) return note;
  const [origin = '', size = '', root = '', ...extensions] = note.text.slice(0, -1).split('\n');
  const [, serverName, accountId, epochText] = ORIGIN.exec(origin) ?? [];
  if (serverName === undefined || accountId === undefined) {
    return { error: `its first line ${JSON.stringify(origin)} is not <server>/ledger/<account>` };
  }
  const epoch = epochText === undefined ? 1 : Number(epochText);
  if (epochText !== undefined && epoch < 2) return { error: 'it names epoch 1, which a checkpoint never does' };
  if (!SIZE.test(size) || !Number.isSafeInteger(Number(size))) return { error: 'its second line is not a size' };
  const hash = fromBase64(root);
  if (hash?.length !== HASH_BYTES) return { error: 'its third line is not a hash' };
  if (extensions.includes('')) return { error: 'its text has an empty line' };
  return { origin, serverName, accountId, epoch, size: Number(size), root: hash, text, note };
}
