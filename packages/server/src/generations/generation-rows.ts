/** The one description of what a generation is, what became of it and what it cost; reports and sums read the same rows. */
import type { AccountUuid, BatchUuid } from '@rushes/contract';
import type { SqlValue } from '../db/index.ts';

/**
 * `matched`: it served its task. `possible_duplicate`: the upstream may have started it, and its task was or may be sent
 * again. `late`: its task had ended without it.
 */
export const MATCHES = ['matched', 'possible_duplicate', 'late'] as const;
export type Match = (typeof MATCHES)[number];

/** Submissions from `from` on and before `to`; null leaves a side open. */
export interface GenerationFilter {
  readonly from: Date | null;
  readonly to: Date | null;
  readonly accountUuid: AccountUuid | null;
  readonly batchUuid: BatchUuid | null;
  readonly match: Match | null;
}

export const EVERYTHING: GenerationFilter = { from: null, to: null, accountUuid: null, batchUuid: null, match: null };

/** The values of $1 to $5 in the texts below. */
export function filterValues(filter: GenerationFilter): SqlValue[] {
  return [filter.from, filter.to, filter.accountUuid, filter.batchUuid, filter.match];
}

/** Batches that can have a submission in the time asked for: a task is sent after its batch was made and before it ended. */
export const BATCH_CONDITION = /* sql */ `
  ($1::timestamptz IS NULL OR b.finished_at IS NULL OR b.finished_at >= $1)
  AND ($2::timestamptz IS NULL OR b.created_at < $2)
  AND ($3::uuid IS NULL OR b.account_id = $3)
  AND ($4::uuid IS NULL OR b.batch_id = $4)`;

/**
 * What an upstream itself reported as failed; a time-out or a video that could not be fetched was generated all the same.
 * Most of these are refusals otherwise, which have no id and so are no generation.
 */
const FAILED_UPSTREAM = `('provider_error', 'provider_rate_limited', 'provider_unavailable', 'invalid_request',
  'model_retired', 'moderation_input', 'moderation_output')`;

/**
 * CTEs that end with `generations`, which read `chosen`, a CTE of rows of batches. Every submission of which the upstream has
 * or may have a generation: the present attempt of each task and the earlier ones kept beside it.
 */
export const GENERATIONS = /* sql */ `
  prices AS (
    SELECT route, model, micro_usd, failed_micro_usd, valid_from,
      lead(valid_from, 1, 'infinity') OVER (PARTITION BY route, model ORDER BY valid_from) AS valid_until
    FROM upstream_costs
  ),
  submissions AS (
    SELECT t.account_id, t.batch_id, t.task_index, t.attempt, coalesce(b.route, s.route) AS route, b.model,
      t.upstream_id, t.submitted_at,
      CASE
        WHEN t.upstream_id IS NULL THEN 'possible_duplicate'
        WHEN t.state = 'failed' AND (t.unknown_since IS NOT NULL OR EXISTS (
          SELECT FROM late_results l
          WHERE l.account_id = t.account_id AND l.batch_id = t.batch_id AND l.task_index = t.task_index
            AND l.upstream_id = t.upstream_id AND l.outcome = 'succeeded')) THEN 'late'
        ELSE 'matched'
      END AS match,
      t.state = 'failed' AND t.unknown_since IS NULL AND t.failure_type IN ${FAILED_UPSTREAM} AS failed
    FROM chosen b
    JOIN tasks t ON t.account_id = b.account_id AND t.batch_id = b.batch_id
    LEFT JOIN batch_schedule s ON s.account_id = b.account_id AND s.batch_id = b.batch_id
    WHERE t.state <> 'queued' AND (t.upstream_id IS NOT NULL OR t.unknown_since IS NOT NULL)
    UNION ALL
    SELECT a.account_id, a.batch_id, a.task_index, a.attempt, a.route, b.model, a.upstream_id, a.submitted_at,
      CASE
        WHEN a.possible_duplicate THEN 'possible_duplicate'
        WHEN EXISTS (
          SELECT FROM late_results l
          WHERE l.account_id = a.account_id AND l.batch_id = a.batch_id AND l.task_index = a.task_index
            AND l.upstream_id = a.upstream_id AND l.outcome = 'succeeded') THEN 'late'
        ELSE 'matched'
      END,
      NOT a.possible_duplicate AND a.failure_type IN ${FAILED_UPSTREAM}
    FROM chosen b
    JOIN task_attempts a ON a.account_id = b.account_id AND a.batch_id = b.batch_id
    WHERE a.upstream_id IS NOT NULL OR a.possible_duplicate
  ),
  generations AS (
    SELECT g.*, CASE WHEN g.failed THEN p.failed_micro_usd ELSE p.micro_usd END AS micro_usd
    FROM submissions g
    LEFT JOIN prices p ON p.route = g.route AND p.model = g.model
      AND g.submitted_at >= p.valid_from AND g.submitted_at < p.valid_until
    WHERE ($1::timestamptz IS NULL OR g.submitted_at >= $1) AND ($2::timestamptz IS NULL OR g.submitted_at < $2)
      AND ($5::text IS NULL OR g.match = $5)
  )`;
