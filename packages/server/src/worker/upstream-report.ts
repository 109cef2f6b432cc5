import type { Database } from '../db/index.ts';

/** One submission that the upstream took or may have taken, and the task it was made for. */
export interface ReportedSubmission {
  readonly accountUuid: string;
  readonly batchUuid: string;
  readonly taskIndex: number;
  readonly attempt: number;
  readonly route: string | null;
  /** Null when the upstream never told us its id. */
  readonly upstreamId: string | null;
  /** A generation may have been started that served nobody, at the operator's cost. */
  readonly possibleDuplicate: boolean;
  readonly submittedAt: Date;
}

const PAGE = 5_000;

/**
 * Every submission of which the upstream may have a generation, oldest batch first: the present attempt of each task
 * and the earlier attempts kept beside it. What is not a possible duplicate is matched to its task by the upstream's id.
 */
export async function* upstreamReport(
  db: Database,
  onlyPossibleDuplicates: boolean,
): AsyncGenerator<ReportedSubmission[]> {
  let after: [string, string, number, number] | null = null;
  for (;;) {
    const rows: ReportedSubmission[] = await db.query<ReportedSubmission>(
      `SELECT * FROM (
         SELECT t.account_id AS "accountUuid", t.batch_id AS "batchUuid", t.task_index AS "taskIndex", t.attempt,
           l.route, t.upstream_id AS "upstreamId", t.unknown_since IS NOT NULL AS "possibleDuplicate",
           t.submitted_at AS "submittedAt"
         FROM tasks t
         LEFT JOIN batch_schedule l ON l.account_id = t.account_id AND l.batch_id = t.batch_id
         WHERE t.state <> 'queued' AND (t.upstream_id IS NOT NULL OR t.unknown_since IS NOT NULL)
         UNION ALL
         SELECT a.account_id, a.batch_id, a.task_index, a.attempt, a.route, a.upstream_id, a.possible_duplicate,
           a.submitted_at
         FROM task_attempts a WHERE a.upstream_id IS NOT NULL OR a.possible_duplicate
       ) s
       WHERE (NOT $1 OR "possibleDuplicate")
         AND ($2::uuid IS NULL OR ("accountUuid", "batchUuid", "taskIndex", attempt) > ($2::uuid, $3::uuid, $4::int, $5::int))
       ORDER BY "accountUuid", "batchUuid", "taskIndex", attempt LIMIT $6`,
      [onlyPossibleDuplicates, ...(after ?? [null, null, null, null]), PAGE],
    );
    if (rows.length > 0) yield rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) return;
    after = [last.accountUuid, last.batchUuid, last.taskIndex, last.attempt];
  }
}
