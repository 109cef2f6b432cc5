/** The scheduled check of the whole ledger. A violation is reported at once, and its account cannot reserve credits. */
import type { Database } from '../db/index.ts';
import type { LedgerViolation } from '../ledger/index.ts';
import { NO_METRICS, type Clock, type Logger, type Metrics, type Random } from '../ports.ts';
import { checkEverything, type CheckReport } from './check-everything.ts';
import { recordCheck } from './ledger-state.ts';
import { tellOperator } from '../operators/index.ts';

export interface LedgerCheckOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics?: Metrics;
  /** Of the keys and the checkpoint log; null where there is none: then the checkpoints in the database count. */
  readonly keysDirectory: string | null;
  readonly intervalMs: number;
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
/** Each charge is held against its generation by two checks at least, so that none is missed between them. */
const INTERVALS_RECONCILED = 2;
const SHORTEST_PERIOD_MS = 24 * 3_600_000;

/** One check now, acted upon and recorded. */
export async function checkAndAct(options: LedgerCheckOptions): Promise<CheckReport> {
  const { db, clock, logger, keysDirectory, intervalMs, metrics = NO_METRICS } = options;
  const found = metrics.counter({
    name: 'rushes_ledger_violations_found_total',
    help: 'Violations that checks by this process found, by rule. Every check counts a violation that still exists.',
    labels: ['rule'],
  });
  const startedMs = clock.monotonicMs();
  const [now] = await db.query<{ now: Date }>('SELECT rushes_now() AS now');
  const startedAt = now?.now ?? clock.now();
  const periodMs = Math.max(SHORTEST_PERIOD_MS, INTERVALS_RECONCILED * intervalMs);
  const report = await checkEverything(db, {
    keysDirectory,
    only: null,
    period: { from: new Date(startedAt.getTime() - periodMs), to: startedAt },
    onFound: async (violations) => {
      for (const { rule } of violations) found.add({ rule });
      await actOnViolations(options, violations);
    },
  });
  await recordCheck(db, startedAt, report);
  const tookMs = Math.round(clock.monotonicMs() - startedMs);
  const { accounts, violations, reconciliation } = report;
  logger.info({ accounts, violations: violations.length, took_ms: tookMs, reconciliation }, 'the ledger was checked');
  return report;
}

/** Starts the scheduled check: once per interval over all processes that share the database. */
export function startLedgerCheck(options: LedgerCheckOptions): { stop(): Promise<void> } {
  const { db, clock, logger, intervalMs } = options;
  const stop = new AbortController();
  const look = async (): Promise<void> => {
    const [row] = await db.query<{ due: boolean }>('SELECT claim_ledger_check($1) AS due', [intervalMs]);
    if (row?.due === true) await checkAndAct(options);
  };
  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      try {
        await look();
      } catch (error) {
        logger.warn({ err: error, alert: true }, 'the ledger could not be checked; the check is tried again later');
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
