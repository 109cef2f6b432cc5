import { MOVE_AND_END_BATCHES, TELL_ENDED_BATCHES } from '../../batches/sql/index.ts';
import type { SqlFunction } from '../../db/index.ts';
import { POST_ENTRIES } from '../../ledger/sql/index.ts';
import { ANSWER } from './settle-tasks/answer.ts';
import { LET_GO } from './settle-tasks/let-go.ts';
import { LOCKS } from './settle-tasks/locks.ts';
import { PAUSE_FAILING_BATCHES } from './settle-tasks/pause.ts';
import { READ_CLAIMS } from './settle-tasks/read-claims.ts';
import { SUM_UP } from './settle-tasks/sums.ts';
import { NUMBER_TASKS, SWAP_TASKS } from './settle-tasks/swap.ts';
import { TELL_TASKS } from './settle-tasks/tell.ts';

/**
 * Put together from pieces of one statement and one function: what is written of the ledger stands in ledger/sql, how a batch
 * ends in batches/sql, and here what is the worker's.
 *
 * A set-based call settles some 40,000 tasks a second on one account where a transaction per task settles 130: the
 * account row is locked and written once per call instead of once per task.
 *
 * The claims that the tasks stand under are given once (account, batch and fence; fence 0 for tasks never stamped), and each
 * task by its claim's place among them. What a claim's account and batch say is read once into arrays that are then
 * subscripted by that place: read, sorted or joined for each task it was half of the work.
 */
export const settleTasks: SqlFunction = {
  name: 'settle_tasks',
  comment: `
    Makes tasks final; there is no other way. One call settles many tasks of several batches and accounts in one
    transaction: it changes their states, appends the ledger entries, updates balances, holds, counters and leases, ends
    batches, and writes the events. The outcomes 'succeeded' and 'failed' end a task in flight with the caller's fence;
    'canceled' and 'expired' end a queued task. A timeout counts only when the database's clock agrees. Returns one row
    for each answer with the places of its tasks, null for all of them: 'settled', 'lost' (another worker or state:
    nothing changed) or 'late' (the task was final already: nothing changed, and the outcome is kept in late_results).
    It waits at most a second for a lock, because one locked account must not delay the outcomes of the others.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION settle_tasks(
  p_account_ids uuid[], p_batch_ids uuid[], p_fences bigint[],
  p_claims integer[], p_task_indexes integer[],
  p_outcomes text[], p_failure_types text[], p_failure_details text[], p_upstream_ids text[],
  p_video_keys text[], p_video_bytes bigint[], p_video_sha256 bytea[], p_video_content_types text[]
) RETURNS TABLE (answer text, places integer[])
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET lock_timeout = '1s'
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz;
  v_batch batches;
  v_is_guarded boolean;
  v_settled integer[];
  v_rest integer[];
  v_ended_accounts uuid[];
  v_ended_batches uuid[];
  v_ended_seqs bigint[];
  -- Of each claim. The numbers of its account and batch follow the order in which everyone locks.
  v_account_numbers integer[];
  v_batch_numbers integer[];
  v_terms jsonb[];
  v_prices bigint[];
  v_endpoints uuid[];
  v_deadlines timestamptz[];
  v_open integer[];
  v_seqs bigint[];
  v_event_seqs bigint[];
  v_entry_times timestamptz[];
  v_available bigint[];
  v_reserved bigint[];
  v_spent bigint[];
BEGIN${LOCKS}
${READ_CLAIMS}

  WITH${SWAP_TASKS},${NUMBER_TASKS},${POST_ENTRIES},${SUM_UP},${TELL_TASKS},${MOVE_AND_END_BATCHES},${LET_GO}
  SELECT (SELECT array_agg(n.place) FROM numbered n), e.account_ids, e.batch_ids, e.seqs
  INTO v_settled, v_ended_accounts, v_ended_batches, v_ended_seqs FROM ended e;
${ANSWER}
${TELL_ENDED_BATCHES}
${PAUSE_FAILING_BATCHES}
END
$$;
`,
};
