/** Verifies a ledger without the server, as docs/ledger-verification.md describes. */
import { parseCheckpoint } from './checkpoint.ts';
import type { RawEntry } from './entry.ts';
import { type ExportHeader, type ExportPart, UnreadableExport } from './export/header.ts';
import { readExport } from './export/read-export.ts';
import type { ExportChunks } from './export/text-buffer.ts';
import type { LedgerReport } from './report.ts';
import { Verification } from './verification.ts';
import type { VerifyLedgerOptions, VerifyOptions } from './verify-options.ts';

/**
 * Verifies entries against a checkpoint. Resolves with a report, also when something is wrong. Rejects with
 * `RushesError` only when the keys cannot be used.
 */
export async function verifyLedger(options: VerifyLedgerOptions): Promise<LedgerReport> {
  return verifyParts(partsOf(options), options);
}

/**
 * Verifies an export in CSV, JSON or JSON lines, in chunks from a file or the network. Resolves with a report, also
 * when something is wrong. Rejects with the error of the source, and with `RushesError` when the keys cannot be used.
 */
export async function verifyLedgerExport(chunks: ExportChunks, options: VerifyOptions): Promise<LedgerReport> {
  return verifyParts(readExport(chunks), options);
}

async function* partsOf(options: VerifyLedgerOptions): AsyncGenerator<ExportPart, void, undefined> {
  const checkpoint = parseCheckpoint(options.checkpoint);
  const known = 'error' in checkpoint ? null : checkpoint;
  const header: ExportHeader = {
    accountId: options.accountId ?? known?.accountId ?? '',
    checkpoint: options.checkpoint,
    previousEpochs: options.previousEpochs ?? [],
    range: options.range ?? { first: 1, last: known?.size ?? 0, left: [], right: [] },
  };
  yield { kind: 'header', header };
  let position = 0;
  for await (const entry of options.entries) {
    position += 1;
    const raw: RawEntry = { position, fields: entry as unknown as RawEntry['fields'] };
    yield { kind: 'entries', entries: [raw] };
  }
}

async function verifyParts(
  parts: AsyncGenerator<ExportPart, void, undefined>,
  options: VerifyOptions,
): Promise<LedgerReport> {
  const verification = new Verification(options);
  try {
    for await (const part of parts) {
      const goesOn =
        part.kind === 'header' ? await verification.begin(part.header) : verification.takeAll(part.entries);
      if (!goesOn) break;
    }
  } catch (error) {
    if (!(error instanceof UnreadableExport)) throw error;
    verification.breakOff(error.problem);
  }
  return verification.finish();
}
