import type { AccountUuid } from '@rushes/contract';
import type { Database } from '../db/index.ts';
import type { LedgerViolation } from '../ledger/index.ts';
import { accountsToCheck, checkAccount } from './check-ledger.ts';
import { Reconciler, type Period, type Reconciliation } from './reconcile.ts';
import { checkTrees } from '../sealing/index.ts';

export interface CheckOptions {
  /** Of the keys and the checkpoint log; null where there is none: then the checkpoints in the database count. */
  readonly keysDirectory: string | null;
  /** One account; null: all of them. */
  readonly only: AccountUuid | null;
  /** Of the charges that are held against generations. */
  readonly period: Period;
  /** Called with the violations of one account as soon as they are found. */
  readonly onFound?: (violations: readonly LedgerViolation[]) => Promise<void>;
  readonly onProgress?: (done: CheckProgress) => void;
}

/** How far a check has come: first through accounts, then through the checkpoints of the log. */
export interface CheckProgress {
  readonly accounts: number;
  readonly checkpoints: number;
}

export interface CheckReport {
  readonly accounts: number;
  readonly violations: readonly LedgerViolation[];
  readonly reconciliation: Reconciliation;
}

/** For the connection of a check: an account is read by one statement, which may take half an hour. */
export const LEDGER_CHECK_ANSWER_TIMEOUT_MS = 31 * 60_000;

/**
 * Checks every invariant, every charge of the period and every checkpoint of one account, or of all of them, account by
 * account: its memory does not grow with the ledger.
 */
export async function checkEverything(db: Database, options: CheckOptions): Promise<CheckReport> {
  const { keysDirectory, only, period, onFound, onProgress } = options;
  const violations: LedgerViolation[] = [];
  const reconciler = new Reconciler(db, period);
  let accounts = 0;
  const report = async (found: readonly LedgerViolation[]): Promise<void> => {
    if (found.length === 0) return;
    violations.push(...found);
    await onFound?.(found);
  };
  for await (const accountUuid of only === null ? accountsToCheck(db) : [only]) {
    const broken = await checkAccount(db, accountUuid);
    await report([...broken, ...(await reconciler.add(accountUuid))]);
    accounts += 1;
    onProgress?.({ accounts, checkpoints: 0 });
  }
  const disagreements = await checkTrees(db, keysDirectory, only, (checkpoints) =>
    onProgress?.({ accounts, checkpoints }),
  );
  for (const own of Map.groupBy(disagreements, (found) => found.accountUuid).values()) await report(own);
  return { accounts, violations, reconciliation: reconciler.sums };
}
