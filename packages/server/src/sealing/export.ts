import { accountIds, type ExportedLedgerEntry, type LedgerExportHeader, type AccountUuid } from '@rushes/contract';
import type { Queryable } from '../db/index.ts';
import { firstSeqNotBefore, LeafHasher, readEntries, toEntry } from '../ledger/index.ts';
import { coverHashes } from './proofs.ts';
import { latestCheckpoint, previousEpochs } from './published.ts';

export interface ExportBounds {
  /** Entries from this time on, RFC 3339; null: from the first. */
  readonly from: string | null;
  /** Entries before this time; null: up to the checkpoint. */
  readonly to: string | null;
}

export interface LedgerExport {
  readonly header: LedgerExportHeader;
  /** The entries `header.range` names, oldest first, in pages. */
  readonly pages: AsyncIterable<ExportedLedgerEntry[]>;
}

/**
 * An export that the latest checkpoint bounds: entries never change, so that pages read one after the other are one
 * consistent whole, in constant memory and without a long transaction. What is not sealed is left out.
 */
export async function openExport(
  db: Queryable,
  accountUuid: AccountUuid,
  { from, to }: ExportBounds,
): Promise<LedgerExport> {
  const tree = await latestCheckpoint(db, accountUuid);
  const previous = await previousEpochs(db, accountUuid);
  const size = tree?.size ?? 0;
  const first = from === null ? 1 : await firstSeqNotBefore(db, accountUuid, size, from);
  const behind = to === null ? size + 1 : await firstSeqNotBefore(db, accountUuid, size, to);
  // A range that ends before it begins is empty.
  const last = Math.max(first, behind) - 1;
  const epoch = tree?.epoch ?? 1;
  const left = await coverHashes(db, accountUuid, epoch, { start: 0, end: first - 1 });
  const right = await coverHashes(db, accountUuid, epoch, { start: last, end: size });
  const base64 = (hash: Buffer): string => hash.toString('base64');
  return {
    header: {
      account_id: accountIds.format(accountUuid),
      checkpoint: tree?.checkpoint ?? null,
      // One that opened a moment ago is not that of this checkpoint.
      previous_epochs: previous.filter((ended) => ended.epoch < epoch),
      range: { first, last, left: left.map(base64), right: right.map(base64) },
    },
    pages: exportPages(db, accountUuid, first, last),
  };
}

async function* exportPages(
  db: Queryable,
  accountUuid: AccountUuid,
  first: number,
  last: number,
): AsyncGenerator<ExportedLedgerEntry[], void, undefined> {
  const hasher = new LeafHasher(accountUuid);
  for await (const page of readEntries(db, accountUuid, first, last)) {
    yield page.map((row) => ({ ...toEntry(row), leaf_hash: hasher.hash(row).toString('base64') }));
  }
}
