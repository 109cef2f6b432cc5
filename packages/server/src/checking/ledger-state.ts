/** How the ledger stands, as the database knows it: the same in every process, and true when the process that did it is gone. */
import type { Database, Queryable } from '../db/index.ts';
import type { Clock, Metrics } from '../ports.ts';
import type { CheckReport } from './check-everything.ts';

/** Keeps what a check found. */
export async function recordCheck(db: Queryable, startedAt: Date, report: CheckReport): Promise<void> {
  const byRule = Map.groupBy(report.violations, ({ rule }) => rule);
  await db.query(
    `INSERT INTO ledger_checks (started_at, finished_at, accounts, violations, reconciliation)
     VALUES ($1, greatest(rushes_now(), $1), $2, $3, $4) ON CONFLICT DO NOTHING`,
    [
      startedAt,
      report.accounts,
      Object.fromEntries([...byRule].map(([rule, own]) => [rule, own.length])),
      { ...report.reconciliation },
    ],
  );
}

export interface LedgerState {
  readonly blockedAccounts: number;
  readonly refusedAccounts: number;
  /** Age of the oldest entry that should be under a checkpoint and is not; 0 when there is none. */
  readonly unsealedSeconds: number;
  /** Null when there was none yet. */
  readonly lastCheck: {
    readonly finishedAt: Date;
    readonly violations: Readonly<Record<string, number>>;
    readonly costMicroUsd: number;
    readonly possibleDuplicates: number;
  } | null;
}

interface StateRow {
  readonly blocked: number;
  readonly refused: number;
  readonly unsealed_s: number;
  readonly finished_at: Date | null;
  readonly violations: Readonly<Record<string, number>> | null;
  readonly cost: number | null;
  readonly duplicates: number | null;
}

/** One pass over the accounts: 1 ms for 1,000 of them. */
export async function readLedgerState(db: Queryable): Promise<LedgerState> {
  const [row] = await db.query<StateRow>(
    `SELECT
       (SELECT count(*) FROM accounts WHERE status = 'blocked') AS blocked,
       (SELECT count(*) FROM ledger_trees WHERE closed_at IS NULL AND refused_reason IS NOT NULL) AS refused,
       (SELECT coalesce(extract(epoch FROM rushes_now() - min(e.created_at)), 0)::float8
        FROM credit_accounts c LEFT JOIN ledger_trees t ON t.account_id = c.account_id AND t.closed_at IS NULL
        JOIN credit_ledger e ON e.account_id = c.account_id AND e.seq = coalesce(t.size, 0) + 1
        WHERE c.last_seq > coalesce(t.size, 0) AND t.refused_reason IS NULL) AS unsealed_s,
       k.finished_at, k.violations, (k.reconciliation ->> 'costMicroUsd')::bigint AS cost,
       (k.reconciliation -> 'generations' ->> 'possible_duplicate')::bigint AS duplicates
     FROM (SELECT 1) one LEFT JOIN (SELECT * FROM ledger_checks ORDER BY started_at DESC LIMIT 1) k ON true`,
  );
  if (row === undefined) throw new Error('a query without FROM gives one row');
  return {
    blockedAccounts: row.blocked,
    refusedAccounts: row.refused,
    unsealedSeconds: Math.max(0, row.unsealed_s),
    lastCheck:
      row.finished_at === null
        ? null
        : {
            finishedAt: row.finished_at,
            violations: row.violations ?? {},
            costMicroUsd: row.cost ?? 0,
            possibleDuplicates: row.duplicates ?? 0,
          },
  };
}

const FRESH_MS = 1_000;
/** A database that hangs must not keep the other metrics from being read. */
const ANSWER_MS = 2_000;

/** Shows how the ledger stands whenever somebody reads; `rushes_database_up` is 0 when the database does not say. */
export function showLedgerState(metrics: Metrics, db: Database, clock: Clock): void {
  const gauge = (name: string, help: string) => metrics.gauge<never>({ name, help, labels: [] });
  const up = gauge('rushes_database_up', 'Whether the database answered within 2 s.');
  const blocked = gauge('rushes_accounts_blocked', 'Accounts that cannot reserve credits because of a violation.');
  const refused = gauge('rushes_ledger_sealing_refused_accounts', 'Accounts for which signing is refused.');
  const lag = gauge(
    'rushes_ledger_unsealed_age_seconds',
    'Age of the oldest entry without a checkpoint. Accounts for which signing is refused do not count.',
  );
  const checkedAt = gauge(
    'rushes_ledger_check_last_success_timestamp_seconds',
    'When the last check of the whole ledger ended, with or without violations.',
  );
  const cost = gauge('rushes_reconciliation_cost_dollars', 'Cost of upstreams in the period of the last check.');
  const duplicates = gauge(
    'rushes_reconciliation_possible_duplicates',
    'Possible duplicates in the period of the last check.',
  );
  const violations = metrics.gauge({
    name: 'rushes_ledger_violations',
    help: 'Violations that the last check of the whole ledger found, by rule.',
    labels: ['rule'],
  });

  const fill = (state: LedgerState): void => {
    blocked.set({}, state.blockedAccounts);
    refused.set({}, state.refusedAccounts);
    lag.set({}, state.unsealedSeconds);
    violations.clear();
    // So that an alert on the sum has a series before there is a violation.
    violations.set(
      { rule: 'any' },
      Object.values(state.lastCheck?.violations ?? {}).reduce((sum, n) => sum + n, 0),
    );
    if (state.lastCheck === null) return;
    for (const [rule, count] of Object.entries(state.lastCheck.violations)) violations.set({ rule }, count);
    checkedAt.set({}, state.lastCheck.finishedAt.getTime() / 1_000);
    cost.set({}, state.lastCheck.costMicroUsd / 1e6);
    duplicates.set({}, state.lastCheck.possibleDuplicates);
  };

  let askedMs = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> | null = null;
  const ask = async (): Promise<void> => {
    try {
      fill(await readLedgerState(db));
      up.set({}, 1);
      askedMs = clock.monotonicMs();
    } catch {
      forget();
    } finally {
      asking = null;
    }
  };
  /** What is not known is not shown: an old value would look like a good one. */
  const forget = (): void => {
    for (const one of [blocked, refused, lag, checkedAt, cost, duplicates]) one.clear();
    violations.clear();
    up.set({}, 0);
  };
  metrics.beforeReading(async () => {
    if (clock.monotonicMs() - askedMs < FRESH_MS) return;
    asking ??= ask();
    const timer = new AbortController();
    const isLate = clock.sleep(ANSWER_MS, timer.signal).then(
      () => true,
      () => false,
    );
    if (await Promise.race([asking.then(() => false), isLate])) forget();
    timer.abort();
  });
}
