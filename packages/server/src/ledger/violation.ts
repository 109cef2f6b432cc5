/** One broken invariant of an account's ledger. */
export interface LedgerViolation {
  readonly accountUuid: string;
  /** Name of the broken invariant. */
  readonly rule: string;
  readonly detail: string;
}
