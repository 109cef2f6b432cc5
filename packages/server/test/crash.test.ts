import { afterEach, describe, expect, it } from 'vitest';
import { FaultScene, prompts, UNIT_PRICE } from '../testing/fault-scene.ts';

const TASKS = 2_000;
const KILLS = 20;

/** A small seeded generator (mulberry32), so that a failing run can be repeated. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe('a server', () => {
  let scene: FaultScene | null = null;
  afterEach(async () => {
    await scene?.close();
    scene = null;
  });

  it(
    'killed with SIGKILL at random moments while 2,000 tasks run loses nothing, charges nothing twice and explains every generation',
    { timeout: 400_000 },
    async () => {
      const seed = Date.now() % 1_000_000;
      console.log(`seed ${seed}`);
      const random = seeded(seed);
      scene = await FaultScene.open({
        simulator: { RUSHES_SIMULATOR_LATENCY_MS: '300-1500', RUSHES_SIMULATOR_FAILURE_RATE: '0.05' },
      });
      const account = await scene.account('Crash', TASKS * UNIT_PRICE);
      let server = await scene.start();
      await scene.submit(server, account, 'crash', prompts(TASKS, 'a lighthouse in the fog'));
      let killedAtWork = 0;
      for (let kill = 0; kill < KILLS; kill += 1) {
        await new Promise((resolve) => setTimeout(resolve, 50 + random() * 600));
        if ((await scene.unfinished()) > 0) killedAtWork += 1;
        await server.kill();
        server = await scene.start();
      }
      // Otherwise the kills hit an idle server and prove nothing.
      expect(killedAtWork).toBe(KILLS);
      await scene.untilFinished();
      await scene.expectWholeBooks();
      expect(await server.stop()).toBe(0);
    },
  );

  it(
    'stopped past its lease (SIGSTOP) and continued changes nothing, and stalls no other account',
    { timeout: 180_000 },
    async () => {
      scene = await FaultScene.open({
        simulator: { RUSHES_SIMULATOR_LATENCY_MS: '200-800' },
        server: { RUSHES_LEASE_MS: '2000' },
      });
      const stalled = await scene.start();
      const account = await scene.account('Stopped', 100_000);
      await scene.submit(stalled, account, 'stopped', prompts(400, 'a paper boat'));
      const { admin } = scene;
      const inFlight = (): Promise<number> =>
        scene?.count('SELECT coalesce(sum(open), 0) FROM task_leases') ?? Promise.resolve(0);
      await scene.until('work in flight', 20_000, async () => (await inFlight()) >= 50);
      stalled.signal('SIGSTOP');

      // Another data directory: nothing but the lease tells that the first worker is out.
      const healthy = await scene.start(undefined, { place: 1 });
      const other = await scene.account('Other', 490);
      const otherBatch = await scene.submit(healthy, other, 'other', prompts(10, 'a red kite'));
      await scene.untilFinished(otherBatch, 30_000);
      await scene.untilFinished();
      const books = async (): Promise<unknown> => ({
        ledger: await admin.query('SELECT * FROM credit_ledger WHERE account_id <> $1 ORDER BY account_id, seq', [
          thirdUuid,
        ]),
        tasks: await admin.query(
          'SELECT * FROM tasks WHERE account_id <> $1 ORDER BY account_id, batch_id, task_index',
          [thirdUuid],
        ),
      });
      let thirdUuid = '00000000-0000-0000-0000-000000000000';
      const before = await books();

      stalled.signal('SIGCONT');
      // It has noticed once it takes and finishes work of its own again.
      await healthy.stop();
      const third = await scene.account('Third', 490);
      const [created] = await admin.query<{ account_id: string }>(
        `SELECT account_id FROM accounts WHERE name = 'Third'`,
      );
      thirdUuid = created?.account_id ?? '';
      await scene.submit(stalled, third, 'third', prompts(10, 'a blue door'));
      await scene.untilFinished();

      expect(await books()).toEqual(before);
      await scene.expectWholeBooks();
    },
  );
});
