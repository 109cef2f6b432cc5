/** What customers were charged against what upstreams made and cost. */
export type { Period, Reconciliation } from './reconcile.ts';
/** The ledger's invariants, its trees and its sums, checked by command and by schedule. */
export { checkEverything, LEDGER_CHECK_ANSWER_TIMEOUT_MS, type CheckProgress } from './check-everything.ts';
export { showLedgerState } from './ledger-state.ts';
export { actOnViolations, startLedgerCheck } from './scheduled-check.ts';
