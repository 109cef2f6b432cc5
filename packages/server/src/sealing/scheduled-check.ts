/** The check of the whole ledger that runs by itself: what it finds is told at once and stops the account from reserving. */
import type { Database } from '../db/index.ts';
import { checkLedger, type LedgerViolation } from '../ledger/index.ts';
import type { Clock, Logger, Random } from '../ports.ts';
import { checkTrees } from './check-trees.ts';
import { tellOperator } from './operator-event.ts';

export interface LedgerCheckOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Of the keys and the checkpoint log; null where there is none: then the checkpoints in the database count. */
  readonly keysDirectory: string | null;
  readonly intervalMs: number;
}

/** Checks every invariant and every checkpoint of one account, or of all of them. */
export async function checkEverything(
  db: Database,
  keysDirectory: string | null,
  only: string | null,
): Promise<readonly LedgerViolation[]> {
  return [...(await checkLedger(db, only)), ...(await checkTrees(db, keysDirectory, only))];
}

/**
 * Blocks new reservations of each account with a violation and tells the operator. An account stays blocked until an
 * operator lifts it; its running batches go on and are refunded as ever.
 */
export async function actOnViolations(
  options: Pick<LedgerCheckOptions, 'db' | 'random' | 'logger'>,
  violations: readonly LedgerViolation[],
): Promise<void> {
  const accounts = Map.groupBy(violations, (violation) => violation.accountUuid);
  for (const [accountUuid, own] of accounts) {
    const found = own.map(({ rule, detail }) => ({ rule, detail }));
    const blocked = await options.db.query(
      `UPDATE accounts SET status = 'blocked' WHERE account_id = $1 AND status = 'active' RETURNING account_id`,
      [accountUuid],
    );
    await tellOperator(options, {
      type: 'ledger.violation',
      accountUuid,
      detail: { blocked_now: blocked.length > 0, violations: found.slice(0, 100), count: found.length },
    });
  }
}

const LONGEST_LOOK_MS = 60_000;

/** Starts the scheduled check: once per interval over all processes that share the database. */
export function startLedgerCheck(options: LedgerCheckOptions): { stop(): Promise<void> } {
  const { db, clock, logger, intervalMs } = options;
  const stop = new AbortController();
  const look = async (): Promise<void> => {
    const [row] = await db.query<{ due: boolean }>('SELECT claim_ledger_check($1) AS due', [intervalMs]);
    if (row?.due !== true) return;
    const startedMs = clock.monotonicMs();
    const violations = await checkEverything(db, options.keysDirectory, null);
    await actOnViolations(options, violations);
    const tookMs = Math.round(clock.monotonicMs() - startedMs);
    logger.info({ violations: violations.length, took_ms: tookMs }, 'the ledger was checked');
  };
  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      try {
        await look();
      } catch (error) {
        logger.warn({ err: error, alert: true }, 'the ledger could not be checked and is checked again later');
      }
      await clock.sleep(Math.min(intervalMs, LONGEST_LOOK_MS), stop.signal).catch(() => undefined);
    }
  };
  const ended = run();
  return {
    async stop() {
      stop.abort();
      await ended;
    },
  };
}
