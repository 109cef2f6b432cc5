import type { SqlView } from '../../db/index.ts';

/** `replay` adds an account's entries up one after the other, `totals` all of them, `reversed` what was given back. */
const REPLAYS = /* sql */ `
replay AS (
  SELECT account_id, seq, kind, available_after, reserved_after, spent_after, created_at,
    row_number() OVER w AS expected_seq,
    sum(amount * CASE WHEN to_bucket = 'available' THEN 1 WHEN from_bucket = 'available' THEN -1 ELSE 0 END) OVER w
      AS available,
    sum(amount * CASE WHEN to_bucket = 'reserved' THEN 1 WHEN from_bucket = 'reserved' THEN -1 ELSE 0 END) OVER w
      AS reserved,
    sum(amount * CASE WHEN to_bucket = 'spent' THEN 1 WHEN from_bucket = 'spent' THEN -1 ELSE 0 END) OVER w AS spent,
    lag(created_at) OVER w AS previous_at
  FROM credit_ledger
  WINDOW w AS (PARTITION BY account_id ORDER BY seq)
),
totals AS (
  SELECT account_id, max(seq) AS seq,
    sum(amount * CASE WHEN to_bucket = 'available' THEN 1 WHEN from_bucket = 'available' THEN -1 ELSE 0 END) AS available,
    sum(amount * CASE WHEN to_bucket = 'reserved' THEN 1 WHEN from_bucket = 'reserved' THEN -1 ELSE 0 END) AS reserved,
    sum(amount * CASE WHEN to_bucket = 'spent' THEN 1 WHEN from_bucket = 'spent' THEN -1 ELSE 0 END) AS spent,
    sum(amount * CASE WHEN from_bucket = 'external' THEN 1 WHEN to_bucket = 'external' THEN -1 ELSE 0 END) AS issued
  FROM credit_ledger GROUP BY account_id
),
reversed AS (
  SELECT account_id, reverses_seq, sum(amount) AS amount FROM credit_ledger
  WHERE kind = 'reversal' GROUP BY account_id, reverses_seq
)`;

/** What the entries and the tasks of each batch come to. */
const SUMS_BY_BATCH = /* sql */ `
entry_sums AS NOT MATERIALIZED (
  SELECT account_id, batch_id,
    sum(amount) FILTER (WHERE kind = 'reserve') AS reserve,
    coalesce(sum(amount) FILTER (WHERE kind = 'charge'), 0) AS charge,
    coalesce(sum(amount) FILTER (WHERE kind = 'refund'), 0) AS refund,
    coalesce(sum(amount) FILTER (WHERE kind = 'forfeit'), 0) AS forfeit
  FROM credit_ledger WHERE batch_id IS NOT NULL GROUP BY account_id, batch_id
),
task_sums AS NOT MATERIALIZED (
  SELECT t.account_id, t.batch_id,
    count(*) AS tasks,
    count(*) FILTER (WHERE t.state = 'succeeded') AS succeeded,
    count(*) FILTER (WHERE t.state = 'failed') AS failed,
    count(*) FILTER (WHERE t.state = 'canceled') AS canceled,
    count(*) FILTER (WHERE t.resolution = 'charge') AS charge,
    count(*) FILTER (WHERE t.resolution = 'refund') AS refund,
    count(*) FILTER (WHERE t.resolution = 'forfeit') AS forfeit
  FROM tasks t GROUP BY t.account_id, t.batch_id
)`;

/** Entries without a gap, with the balances that a replay gives, in the order of time, of accounts that exist. */
const ENTRIES = /* sql */ `
SELECT r.account_id, v.rule, CASE v.rule
    WHEN 'entry_gap' THEN format('entry %s stands in place %s', r.seq, r.expected_seq)
    WHEN 'running_balance' THEN format('entry %s says %s/%s/%s, replay gives %s/%s/%s', r.seq, r.available_after,
      r.reserved_after, r.spent_after, r.available, r.reserved, r.spent)
    ELSE format('entry %s is earlier than the one before', r.seq)
  END AS detail
FROM replay r
CROSS JOIN LATERAL (VALUES
  ('entry_gap', r.seq <> r.expected_seq),
  ('running_balance',
    (r.available_after, r.reserved_after, r.spent_after) IS DISTINCT FROM (r.available, r.reserved, r.spent)),
  ('time_runs_back', r.created_at < r.previous_at)
) AS v(rule, is_broken)
WHERE v.is_broken
UNION ALL
-- No foreign key looks at every entry.
SELECT l.account_id, 'no_account', format('%s entries belong to no account', l.seq)
FROM totals l WHERE NOT EXISTS (SELECT FROM credit_accounts c WHERE c.account_id = l.account_id)`;

/** What accounts say they have. */
const BALANCES = /* sql */ `
SELECT c.account_id, 'balance', format('account says %s/%s/%s/%s at seq %s, replay gives %s/%s/%s/%s at seq %s',
  c.available, c.reserved, c.spent, c.issued, c.last_seq,
  coalesce(e.available, 0), coalesce(e.reserved, 0), coalesce(e.spent, 0), coalesce(e.issued, 0), coalesce(e.seq, 0))
FROM credit_accounts c LEFT JOIN totals e USING (account_id)
WHERE (c.available, c.reserved, c.spent, c.issued, c.last_seq) IS DISTINCT FROM
  (coalesce(e.available, 0), coalesce(e.reserved, 0), coalesce(e.spent, 0), coalesce(e.issued, 0), coalesce(e.seq, 0))
UNION ALL
SELECT c.account_id, 'reserved_is_held', format('reserved %s, open holds %s', c.reserved, coalesce(h.held, 0))
FROM credit_accounts c LEFT JOIN (
  SELECT account_id, sum(amount - charged - refunded - forfeited) AS held
  FROM credit_holds WHERE state = 'open' GROUP BY account_id
) h USING (account_id)
WHERE c.reserved <> coalesce(h.held, 0)`;

/** Holds against the entries and the tasks of their batches. */
const HOLDS = /* sql */ `
SELECT h.account_id, 'hold_entries', format('batch %s: hold %s/%s/%s/%s, entries %s/%s/%s/%s', h.batch_id,
  h.amount, h.charged, h.refunded, h.forfeited, e.reserve, e.charge, e.refund, e.forfeit)
FROM credit_holds h LEFT JOIN entry_sums e USING (account_id, batch_id)
WHERE (h.amount, h.charged, h.refunded, h.forfeited) IS DISTINCT FROM (e.reserve, e.charge, e.refund, e.forfeit)
UNION ALL
SELECT e.account_id, 'entries_without_hold', format('batch %s has entries and no hold', e.batch_id)
FROM entry_sums e LEFT JOIN credit_holds h USING (account_id, batch_id) WHERE h.batch_id IS NULL
UNION ALL
SELECT b.account_id, 'hold_tasks', format('batch %s: hold %s/%s/%s/%s, tasks %s/%s/%s/%s at %s each', b.batch_id,
  h.amount, h.charged, h.refunded, h.forfeited, t.tasks, t.charge, t.refund, t.forfeit, b.unit_price)
FROM batches b LEFT JOIN credit_holds h USING (account_id, batch_id) LEFT JOIN task_sums t USING (account_id, batch_id)
WHERE (h.amount, h.charged, h.refunded, h.forfeited) IS DISTINCT FROM
  (t.tasks * b.unit_price, t.charge * b.unit_price, t.refund * b.unit_price, t.forfeit * b.unit_price)`;

/** Counters and ends of batches. */
const BATCHES = /* sql */ `
SELECT b.account_id, 'batch_counters', format('batch %s (%s): counters %s/%s/%s of %s, tasks %s/%s/%s of %s',
  b.batch_id, b.status, b.succeeded, b.failed, b.canceled, b.total, t.succeeded, t.failed, t.canceled, t.tasks)
FROM batches b LEFT JOIN task_sums t USING (account_id, batch_id)
WHERE (b.succeeded, b.failed, b.canceled, b.total) IS DISTINCT FROM (t.succeeded, t.failed, t.canceled, t.tasks)
UNION ALL
SELECT b.account_id, 'closed_hold', format('batch %s is %s with its hold %s', b.batch_id, b.status, h.state)
FROM batches b JOIN credit_holds h USING (account_id, batch_id)
WHERE (h.state = 'closed') <> (b.finished_at IS NOT NULL)
  OR (h.state = 'open' AND b.succeeded + b.failed + b.canceled = b.total)`;

/** Each final task has its one entry, and each such entry its task. */
const TASKS = /* sql */ `
SELECT t.account_id, 'task_resolution', format('task %s of batch %s is %s, its entry is %s', t.task_index, t.batch_id,
  coalesce(t.resolution, t.state), coalesce(e.kind, 'missing'))
FROM tasks t LEFT JOIN credit_ledger e ON e.account_id = t.account_id AND e.batch_id = t.batch_id
  AND e.task_index = t.task_index AND e.kind IN ('charge', 'refund', 'forfeit')
WHERE t.resolution IS DISTINCT FROM e.kind
UNION ALL
SELECT e.account_id, 'entry_amount', format('entry %s (%s) moves %s, a task of batch %s costs %s', e.seq, e.kind,
  e.amount, e.batch_id, b.unit_price)
FROM credit_ledger e JOIN batches b USING (account_id, batch_id)
WHERE e.task_index IS NOT NULL AND e.amount <> b.unit_price
UNION ALL
SELECT e.account_id, 'entry_without_task', format('entry %s is about task %s of batch %s, which does not exist',
  e.seq, e.task_index, e.batch_id)
FROM credit_ledger e LEFT JOIN tasks t USING (account_id, batch_id, task_index)
WHERE e.task_index IS NOT NULL AND t.batch_id IS NULL`;

/** Reversals, debts and revocations. */
const CORRECTIONS = /* sql */ `
SELECT r.account_id, 'reversal_bounds', format('entry %s (%s of %s) is reversed by %s in all', r.reverses_seq,
  coalesce(e.kind, 'missing'), e.amount, r.amount)
FROM reversed r LEFT JOIN credit_ledger e ON e.account_id = r.account_id AND e.seq = r.reverses_seq
WHERE e.kind IS NULL OR e.kind NOT IN ('charge', 'forfeit') OR r.amount > e.amount
UNION ALL
SELECT c.account_id, 'debt', format('account says %s, its revocations leave %s', c.debt, coalesce(r.open, 0))
FROM credit_accounts c LEFT JOIN (
  SELECT account_id, sum(amount - revoked) AS open FROM credit_revocations GROUP BY account_id
) r USING (account_id)
WHERE c.debt <> coalesce(r.open, 0)
UNION ALL
SELECT account_id, 'revocation_entries', format('revocation %s: %s revoked, entries %s', reference, sum(revoked), sum(entries))
FROM (
  SELECT account_id, reference, revoked, 0 AS entries FROM credit_revocations
  UNION ALL
  SELECT account_id, reference, 0, amount FROM credit_ledger WHERE kind = 'revoke'
) r
GROUP BY account_id, reference HAVING sum(revoked) <> sum(entries)`;

/**
 * Each part must let `account_id = X` through to its tables, since the check goes account by account: no FULL JOIN, no window
 * across accounts, no CTE that is read twice and kept.
 */
export const ledgerViolations: SqlView = {
  name: 'ledger_violations',
  comment: 'Every violation of an invariant of the ledger, with the name of the broken rule. It must always be empty.',
  sql: /* sql */ `
CREATE OR REPLACE VIEW ledger_violations AS
WITH${REPLAYS},${SUMS_BY_BATCH}
${[ENTRIES, BALANCES, HOLDS, BATCHES, TASKS, CORRECTIONS].join('\nUNION ALL').trimStart()};
`,
};
