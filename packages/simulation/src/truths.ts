/** Applications of the simulated processes: the session's number follows. */
export const SESSION_NAME = 'simulation session ';

/** Triggers that raise an error where a statement does what none may do, wherever it stood still and whatever went on meanwhile. */
export const TRUTHS = /* sql */ `
CREATE FUNCTION simulation_truth() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'simulated truth: %', TG_ARGV[0];
END
$$;
CREATE TRIGGER simulation_living_lease BEFORE UPDATE ON task_leases FOR EACH ROW
  WHEN (OLD.worker_id <> NEW.worker_id AND OLD.lease_until > simulation_now())
  EXECUTE FUNCTION simulation_truth('a living lease is taken over');
CREATE TRIGGER simulation_early_timeout BEFORE UPDATE ON tasks FOR EACH ROW
  WHEN (NEW.state = 'failed' AND NEW.failure_type = 'timeout' AND OLD.state <> 'queued' AND OLD.timeout_at > simulation_now())
  EXECUTE FUNCTION simulation_truth('a task times out before its time');
-- Who took a task over writes its new fence; an id that the upstream has confirmed may come by anybody.
CREATE FUNCTION simulation_holder() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  IF current_setting('application_name') LIKE '${SESSION_NAME}%' AND NOT EXISTS (
    SELECT FROM public.task_leases l
    WHERE l.account_id = OLD.account_id AND l.batch_id = OLD.batch_id
      AND l.fence = CASE OLD.state WHEN 'queued' THEN NEW.fence ELSE OLD.fence END
      AND l.worker_id = public.simulation_worker()
  ) THEN
    RAISE EXCEPTION 'simulated truth: a task goes from % to % under somebody else''s lease', OLD.state, NEW.state;
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER simulation_holder BEFORE UPDATE ON tasks FOR EACH ROW
  WHEN (CASE OLD.state
    WHEN 'queued' THEN NEW.state = 'submitting'
    WHEN 'unknown' THEN NEW.state NOT IN ('unknown', 'running') AND (NEW.fence = OLD.fence OR NEW.state = 'queued')
    ELSE OLD.resolution IS NULL AND NEW.state <> OLD.state AND (NEW.fence = OLD.fence OR NEW.state = 'queued') END)
  EXECUTE FUNCTION simulation_holder();
`;
