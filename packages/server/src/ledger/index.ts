export { checkLedger, type LedgerViolation } from './check-ledger.ts';
export { credits } from './credits.ts';
export {
  LEDGER_EXPORT_FORMATS,
  ledgerExportType,
  renderLedgerExport,
  type LedgerExportFormat,
} from './export-format.ts';
export { exportEntries, type LedgerRange } from './export-entries.ts';
export { issueCredits, type CreditIssue } from './issue-credits.ts';
export { listEntries, type LedgerPage } from './list-entries.ts';
export { freezeCreditsForBatch, type FreezeAnswer } from './reserve-credits.ts';
