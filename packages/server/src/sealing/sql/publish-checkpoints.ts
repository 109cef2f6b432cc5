import type { SqlFunction } from '../../db/index.ts';

/** Tells accounts of their new trees. */
const ANNOUNCE_EPOCHS = /* sql */ `
  -- Epochs after the first are announced with the checkpoint before and the first one of the new tree.
  FOR v_first IN
    SELECT t.account_id, t.epoch, t.opened_reason, t.previous_checkpoint, u.n
    FROM unnest(p_account_ids, p_epochs, p_old_sizes, p_checkpoints) AS u(a, e, s, n)
    JOIN ledger_trees t ON t.account_id = u.a AND t.epoch = u.e
    WHERE t.epoch > 1 AND t.size = 0 AND t.closed_at IS NULL AND u.s = 0
    ORDER BY t.account_id
  LOOP
    PERFORM append_event(v_first.account_id, 'ledger.epoch_opened', NULL, NULL, NULL, jsonb_build_object(
      'epoch', v_first.epoch, 'reason', v_first.opened_reason,
      'previous_checkpoint', v_first.previous_checkpoint, 'checkpoint', v_first.n));
  END LOOP;`;

/** Moves trees that are where the sealer found them, and keeps checkpoints and new nodes. */
const MOVE_TREES = /* sql */ `
  WITH moved AS (
    UPDATE ledger_trees t
    SET size = u.size, frontier = u.frontier, root = u.root, checkpoint = u.checkpoint,
      sealed_at = v_now, refused_reason = NULL
    FROM unnest(p_account_ids, p_epochs, p_old_sizes, p_sizes, p_frontiers, p_roots, p_checkpoints)
      AS u(account_id, epoch, old_size, size, frontier, root, checkpoint)
    WHERE t.account_id = u.account_id AND t.epoch = u.epoch AND t.size = u.old_size AND t.closed_at IS NULL
    RETURNING t.account_id, t.epoch, t.size, t.checkpoint
  ),
  kept AS (
    INSERT INTO ledger_checkpoints (account_id, epoch, size, checkpoint, created_at)
    SELECT m.account_id, m.epoch, m.size, m.checkpoint, v_now FROM moved m
  ),
  grown AS (
    INSERT INTO ledger_tree_nodes (account_id, epoch, level, node_index, hash)
    SELECT n.account_id, n.epoch, n.level, n.node_index, n.hash
    FROM unnest(p_node_accounts, p_node_epochs, p_levels, p_indexes, p_hashes)
      AS n(account_id, epoch, level, node_index, hash)
    JOIN moved m ON m.account_id = n.account_id AND m.epoch = n.epoch
  )`;

export const publishCheckpoints: SqlFunction = {
  name: 'publish_checkpoints',
  comment: `
    Publishes checkpoints that are already in the checkpoint log: moves the open trees from their old sizes to the new
    ones. A tree that is no longer at its old size is not changed. Returns the accounts whose checkpoints were
    published. Raises when the caller's fence is not the sealer's.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION publish_checkpoints(
  p_holder uuid, p_fence bigint,
  p_account_ids uuid[], p_epochs integer[], p_origins text[], p_old_sizes bigint[], p_sizes bigint[],
  p_frontiers bytea[], p_roots bytea[], p_checkpoints text[],
  p_node_accounts uuid[], p_node_epochs integer[], p_levels smallint[], p_indexes bigint[], p_hashes bytea[]
) RETURNS TABLE (account_id uuid)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  v_now timestamptz;
  v_first record;
BEGIN
  PERFORM 1 FROM ledger_sealer WHERE holder = p_holder AND fence = p_fence FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'another process seals now' USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  v_now := rushes_now();
  INSERT INTO ledger_trees (account_id, epoch, origin, opened_at)
  SELECT a, 1, o, v_now FROM unnest(p_account_ids, p_epochs, p_origins, p_old_sizes) AS u(a, e, o, s)
  WHERE e = 1 AND s = 0
  ON CONFLICT DO NOTHING;
${ANNOUNCE_EPOCHS}

  RETURN QUERY${MOVE_TREES}
  SELECT m.account_id FROM moved m;
END
$$;
`,
};
