/** Verifies a ledger without the server: needs no API key and no client. */
export type { Balances } from './balances.ts';
export { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
export {
  type CheckpointStore,
  keepCheckpoint,
  type KeptCheckpoint,
  type LedgerName,
  MemoryCheckpointStore,
} from './checkpoint-store.ts';
export type { ExportedEntry, RawEntry } from './entry.ts';
export {
  type EpochEnd,
  type ExportHeader,
  type ExportPart,
  type LedgerRange,
  UnreadableExport,
} from './export/header.ts';
export { readExport } from './export/read-export.ts';
export type { ExportChunks } from './export/text-buffer.ts';
export { ledgerKeysFrom, type LedgerKeys, parseLedgerKeys } from './keys.ts';
export { verifyConsistency, verifyInclusion } from './merkle.ts';
export { type LedgerKey, parseLedgerKey } from './note.ts';
export type { LedgerProblem, LedgerProblemCode } from './problem.ts';
export {
  type ConsistencyProof,
  parseConsistencyProof,
  type ProofCheck,
  verifyLedgerConsistency,
  verifyLedgerProof,
} from './proofs.ts';
export type { LedgerReport } from './report.ts';
export { verifyLedger, verifyLedgerExport } from './verify-ledger.ts';
export type { VerifyLedgerOptions, VerifyOptions } from './verify-options.ts';
