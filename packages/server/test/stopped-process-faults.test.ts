/** A process that is stopped (SIGSTOP) while it holds locks: the worst neighbour there is, since it looks alive. */
import { describe, expect, it } from 'vitest';
import { accountIds, type AccountUuid } from '@rushes/contract';
import { FaultScene, prompts, UNIT_PRICE } from '../testing/fault-scene.ts';

/** Held by the test while the statements of the chosen account wait inside their transaction. */
const GATE = 4_600_171_777;

/**
 * Makes statements that write to a table for one account wait, their locks held, until the gate is open. It looks instead
 * of waiting for a lock: a wait would end by lock_timeout, which is not what is tested.
 */
async function holdWritesOf(scene: FaultScene, accountUuid: AccountUuid, table: string): Promise<void> {
  await scene.admin.query(
    `CREATE FUNCTION wait_at_the_gate() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN
       IF NEW.account_id = '${accountUuid}' THEN
         WHILE NOT pg_try_advisory_xact_lock_shared(${GATE}) LOOP
           PERFORM pg_sleep(0.02);
         END LOOP;
       END IF;
       RETURN NEW;
     END $$`,
  );
  await scene.admin.query(
    `CREATE TRIGGER held BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION wait_at_the_gate()`,
  );
}

/** Closes the gate until the returned function is called. */
async function closeGate(scene: FaultScene): Promise<() => Promise<void>> {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  let closed: () => void = () => undefined;
  const isClosed = new Promise<void>((resolve) => (closed = resolve));
  const holding = scene.admin.transaction(async (tx) => {
    await tx.query('SET LOCAL idle_in_transaction_session_timeout = 0');
    await tx.query('SELECT pg_advisory_xact_lock($1)', [GATE]);
    closed();
    await opened;
  });
  scene.onClose(() => {
    open();
  });
  await isClosed;
  return async () => {
    open();
    await holding;
  };
}

/** Sessions of the servers that are inside `wait_at_the_gate`. */
function heldSessions(scene: FaultScene): Promise<number> {
  return scene.count(
    `SELECT count(*) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'rushes' AND state = 'active' AND wait_event = 'PgSleep'`,
  );
}

describe.concurrent('a process stopped while it holds locks', () => {
  it(
    'inside a settling transaction holds up one account, while others are charged and refunded; continued, it charges nothing twice',
    { timeout: 120_000 },
    async ({ onTestFinished }) => {
      const scene = await FaultScene.open({
        simulator: { RUSHES_SIMULATOR_LATENCY_MS: '200-600' },
        server: { RUSHES_LEASE_MS: '2000' },
      });
      onTestFinished(() => scene.close());
      // An API and two workers of different machines, as a deployment has them.
      const api = await scene.startApi({ place: 2 });
      const stalled = await scene.startWorker({ place: 0, env: { RUSHES_WORKER_CONCURRENCY: '20' } });
      const slow = await scene.account('Slow', 100_000);
      const other = await scene.account('Other', 100_000);
      const slowUuid = accountIds.parse(slow.account_id)!;
      await holdWritesOf(scene, slowUuid, 'credit_ledger');
      const slowBatch = await scene.submit(api, slow, 'slow', prompts(60, 'a slow river'));
      const openGate = await closeGate(scene);
      await scene.until('a settling transaction that waits', 30_000, async () => (await heldSessions(scene)) > 0);
      stalled.signal('SIGSTOP');

      await scene.startWorker({ place: 1 });
      // The healthy worker has outcomes of that account to settle too, and they must not keep the others'.
      const isGenerated = async (): Promise<boolean> => (await scene.generations()).length === 60;
      await scene.until('all generations of the held account', 30_000, isGenerated);
      const startedMs = performance.now();
      const otherBatch = await scene.submit(api, other, 'other', [
        ...prompts(20, 'a quick fox'),
        ...prompts(20, '[sim:reject] a quick fox refused'),
      ]);
      await scene.untilFinished(otherBatch, 60_000);
      // Twice the lock timeout of a worker's call, its pauses, and the generations themselves.
      expect(performance.now() - startedMs).toBeLessThan(15_000);
      expect(await heldSessions(scene)).toBeGreaterThan(0);
      expect(
        await scene.count(`SELECT count(*) FROM credit_ledger WHERE kind = 'refund' AND batch_id = $1`, [
          otherBatch.uuid,
        ]),
      ).toBe(20);
      expect(await scene.unfinished(slowBatch)).toBe(60);

      await openGate();
      await scene.untilFinished();
      stalled.signal('SIGCONT');
      // It has noticed what it lost once it has ended work of its own again.
      const last = await scene.submit(api, other, 'last', prompts(40, 'a late bird'));
      await scene.untilFinished(last);
      await scene.expectWholeBooks();
    },
  );

  it(
    'between two statements of a transaction is put out of it within the idle limit, and its retried request creates one batch',
    { timeout: 120_000 },
    async ({ onTestFinished }) => {
      const scene = await FaultScene.open({ simulator: { RUSHES_SIMULATOR_LATENCY_MS: '200-600' } });
      onTestFinished(() => scene.close());
      const stalled = await scene.startApi({ place: 0 });
      const api = await scene.startApi({ place: 1 });
      await scene.startWorker({ place: 2 });
      const account = await scene.account('Account', 100 * UNIT_PRICE);
      const running = await scene.submit(api, account, 'running', prompts(20, '[sim:delay=3s] a candle'));
      await holdWritesOf(scene, accountIds.parse(account.account_id)!, 'batch_schedule');
      const openGate = await closeGate(scene);
      const wanted = prompts(10, 'a stopped clock');
      const lostAnswer = scene.post(stalled, account, 'stopped', wanted).then(
        (response) => response.status,
        () => null,
      );
      await scene.until('a creating transaction that waits', 30_000, async () => (await heldSessions(scene)) > 0);
      stalled.signal('SIGSTOP');
      await openGate();

      const idle = (): Promise<number> =>
        scene.count(
          `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
           AND application_name = 'rushes' AND state LIKE 'idle in transaction%'`,
        );
      await scene.until('the stopped process to be idle in its transaction', 10_000, async () => (await idle()) > 0);
      const idleSinceMs = performance.now();
      await scene.until('the end of that session', 30_000, async () => (await idle()) === 0);
      expect(performance.now() - idleSinceMs).toBeLessThan(8_000);
      await scene.untilFinished(running, 30_000);
      const again = await scene.submit(api, account, 'stopped', wanted);

      stalled.signal('SIGCONT');
      // Whatever it answers now, it created nothing: at most it repeats the batch that is there.
      await lostAnswer;
      await scene.untilFinished(again);
      expect(await scene.count('SELECT count(*) FROM batches')).toBe(2);
      await scene.expectWholeBooks();
    },
  );
});
