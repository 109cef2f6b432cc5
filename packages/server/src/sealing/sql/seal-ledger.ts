/**
 * Sealing: what the one sealer does to the database. It never locks a row that the money path wants; keys, signatures
 * and the checkpoint log are outside the database.
 */
export const sealLedger = /* sql */ `
-- Makes the keys of a key directory known. Returns 'registered', or 'foreign_key' when this database's checkpoints are
-- signed by a key of another directory: then nothing changes, and whoever asked must not seal.
CREATE OR REPLACE FUNCTION register_ledger_keys(
  p_key_ids text[], p_verifier_keys text[], p_created_at timestamptz[], p_active_key_id text
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_active text;
BEGIN
  PERFORM 1 FROM ledger_sealer FOR UPDATE;
  SELECT key_id INTO v_active FROM ledger_keys WHERE status = 'active';
  IF v_active IS NOT NULL AND NOT v_active = ANY (p_key_ids) THEN
    RETURN 'foreign_key';
  END IF;
  UPDATE ledger_keys SET status = 'retired' WHERE status = 'active' AND key_id <> p_active_key_id;
  INSERT INTO ledger_keys (key_id, verifier_key, status, created_at)
  SELECT k.id, k.verifier_key, CASE WHEN k.id = p_active_key_id THEN 'active' ELSE 'retired' END, k.created_at
  FROM unnest(p_key_ids, p_verifier_keys, p_created_at) AS k(id, verifier_key, created_at)
  ON CONFLICT (key_id) DO UPDATE SET status = excluded.status WHERE ledger_keys.status <> excluded.status;
  RETURN 'registered';
END
$$;

-- Takes or renews the lease of the sealer. Returns its fence, or null when another process holds it.
CREATE OR REPLACE FUNCTION claim_ledger_sealer(p_holder uuid, p_lease_ms integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_sealer ledger_sealer;
  v_now timestamptz;
BEGIN
  SELECT * INTO v_sealer FROM ledger_sealer FOR UPDATE;
  v_now := rushes_now();
  IF v_sealer.holder IS DISTINCT FROM p_holder AND v_sealer.lease_until > v_now THEN
    RETURN NULL;
  END IF;
  UPDATE ledger_sealer
  SET fence = CASE WHEN v_sealer.holder = p_holder THEN fence ELSE fence + 1 END,
    holder = p_holder,
    lease_until = v_now + p_lease_ms * interval '1 millisecond'
  RETURNING fence INTO v_sealer.fence;
  RETURN v_sealer.fence;
END
$$;

CREATE OR REPLACE FUNCTION release_ledger_sealer(p_holder uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
  UPDATE ledger_sealer SET lease_until = '-infinity' WHERE holder = p_holder
$$;

-- One scheduled check at a time: true for the caller whose turn it is.
CREATE OR REPLACE FUNCTION claim_ledger_check(p_interval_ms bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_now timestamptz := rushes_now();
BEGIN
  UPDATE ledger_sealer SET checked_at = v_now
  WHERE checked_at <= v_now - p_interval_ms * interval '1 millisecond';
  RETURN FOUND;
END
$$;

-- Publishes checkpoints that lie in the checkpoint log already: moves the open trees from their old sizes to the new
-- ones. A tree that is not at its old size any more stays as it is. Returns the accounts that were published. Raises
-- when the caller's fence is not the sealer's.
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
  END LOOP;

  RETURN QUERY
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
  )
  SELECT m.account_id FROM moved m;
END
$$;

-- Says on an account's open tree why nothing is signed for it; null when the reason has gone. True when that is news.
CREATE OR REPLACE FUNCTION refuse_sealing(p_account_id uuid, p_origin text, p_reason text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  INSERT INTO ledger_trees (account_id, epoch, origin, opened_at)
  SELECT a.account_id, 1, p_origin, rushes_now() FROM accounts a
  WHERE a.account_id = p_account_id
    AND NOT EXISTS (SELECT 1 FROM ledger_trees t WHERE t.account_id = p_account_id)
  ON CONFLICT DO NOTHING;
  UPDATE ledger_trees SET refused_reason = p_reason
  WHERE account_id = p_account_id AND closed_at IS NULL AND refused_reason IS DISTINCT FROM p_reason;
  RETURN FOUND;
END
$$;

-- Keeps every publication waiting until the caller's transaction ends: what it reads of the log until then is all that
-- customers can hold.
CREATE OR REPLACE FUNCTION halt_ledger_sealer() RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
  SELECT 1 FROM ledger_sealer FOR UPDATE
$$;

-- Closes an account's tree and begins another one, whose first checkpoint the sealer signs.
CREATE OR REPLACE FUNCTION open_ledger_epoch(
  p_account_id uuid, p_epoch integer, p_origin text, p_reason text, p_previous_checkpoint text
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  -- Before any checkpoint of the closed tree could still be published.
  PERFORM 1 FROM ledger_sealer FOR UPDATE;
  IF p_epoch <= (SELECT max(epoch) FROM ledger_trees WHERE account_id = p_account_id) THEN
    RAISE EXCEPTION 'epoch % of account % is not a new one', p_epoch, p_account_id USING ERRCODE = 'unique_violation';
  END IF;
  UPDATE ledger_trees SET closed_at = rushes_now() WHERE account_id = p_account_id AND closed_at IS NULL;
  INSERT INTO ledger_trees (account_id, epoch, origin, opened_reason, previous_checkpoint, opened_at)
  VALUES (p_account_id, p_epoch, p_origin, p_reason, p_previous_checkpoint, rushes_now());
END
$$;
`;
