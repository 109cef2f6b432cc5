/** What customers were charged against what upstreams made and cost. */
export { Reconciler, type Period, type Reconciliation } from './reconcile.ts';
/** The ledger's invariants, its trees and its sums, checked by command and by schedule. */
export { checkLedger } from './check-ledger.ts';
export {
  checkEverything,
  LEDGER_CHECK_ANSWER_TIMEOUT_MS,
  type CheckOptions,
  type CheckProgress,
  type CheckReport,
} from './check-everything.ts';
export { readLedgerState, showLedgerState } from './ledger-state.ts';
export { actOnViolations, checkAndAct, startLedgerCheck, type LedgerCheckOptions } from './scheduled-check.ts';
