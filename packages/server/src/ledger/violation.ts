import type { AccountUuid } from '@rushes/contract';

/** One broken invariant of an account's ledger. */
export interface LedgerViolation {
  readonly accountUuid: AccountUuid;
  /** Name of the broken invariant. */
  readonly rule: string;
  readonly detail: string;
}
