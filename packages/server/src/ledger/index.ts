export {
  reverseEntry,
  revokeCredits,
  type Reversal,
  type ReversalAnswer,
  type Revocation,
  type RevocationAnswer,
} from './corrections.ts';
export { credits } from './credits.ts';
export {
  LEDGER_EXPORT_FORMATS,
  ledgerExportType,
  renderLedgerExport,
  type LedgerExportFormat,
} from './export-format.ts';
export { toEntry, type EntryRow } from './entry-view.ts';
export { issueCredits, type CreditIssue } from './issue-credits.ts';
export { LeafHasher } from './leaf.ts';
export { listEntries, type LedgerPage } from './list-entries.ts';
export { freezeCreditsForBatch, type FreezeAnswer } from './reserve-credits.ts';
export { firstSeqNotBefore, LedgerGap, readEntries, readSpans, type EntrySpan } from './read-entries.ts';
export type { LedgerViolation } from './violation.ts';
