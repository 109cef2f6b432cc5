import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Database } from '../db/index.ts';
import type { Upstream } from '../upstreams/index.ts';
import {
  batchOf,
  createBatch,
  ended,
  generationsByPrompt,
  missingVideos,
  openAccount,
  openWorkerWorld,
  prompts,
  taskRows,
  violations,
  type WorkerWorld,
} from './testing/worker-world.ts';

let world: WorkerWorld;
beforeAll(async () => {
  world = await openWorkerWorld();
});
afterAll(() => world.close(), 60_000);

const TASKS = 10;
const LEASE_MS = 300;

interface Victim {
  readonly db: Database;
  readonly upstream: (real: Upstream) => Upstream;
  readonly isDead: () => boolean;
  /** Everything that it waits for fails, so that what is left of it ends. */
  bury(): void;
}

/** A process that dies before or after the first statement, or call, of a kind: nothing it wants to do afterwards happens. */
function victimOf(step: string, when: 'before' | 'after'): Victim {
  let dead = false;
  let isBuried = false;
  const graves: ((error: Error) => void)[] = [];
  const nothing = <T>(): Promise<T> =>
    isBuried ? Promise.reject(new Error('killed')) : new Promise((_resolve, reject) => graves.push(reject));
  const through = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    if (dead) return nothing();
    if (name.includes(step) && when === 'before') dead = true;
    if (dead) return nothing();
    const answer = await work();
    if (name.includes(step)) dead = true;
    return dead ? nothing() : answer;
  };
  const real = world.openDatabase();
  return {
    isDead: () => dead,
    bury: () => {
      dead = true;
      isBuried = true;
      for (const reject of graves.splice(0)) reject(new Error('killed'));
    },
    db: {
      ...real,
      query: (sql, values) => through(sql, () => real.query(sql, values)),
      transaction: (work) => through('transaction', () => real.transaction(work)),
    },
    upstream: (upstream) => ({
      ...upstream,
      submit: (generation, signal) => through('upstream submit', () => upstream.submit(generation, signal)),
      poll: (id, signal) => through('upstream poll', () => upstream.poll(id, signal)),
    }),
  };
}

// Dying at the other steps makes the heir's own stop take its 20 s; crash.test.ts meets them at random moments.
it.each([
  ['claim_tasks', 'after'],
  ['leased_tasks', 'after'],
  ['record_submissions', 'before'],
  ['record_submissions', 'after'],
  ['upstream poll', 'after'],
] as const)(
  'a worker killed at %s, %s it: another ends every task, and each is charged once',
  async (step, when) => {
    const caller = await openAccount(world);
    const wanted = prompts(TASKS, `${step} ${when}`);
    const batch = await createBatch(world, caller, wanted);
    const victim = victimOf(step, when);
    const route = world.route();
    const dying = await world.startWorker({
      db: victim.db,
      leaseMs: LEASE_MS,
      routes: [{ ...route, upstream: victim.upstream(route.upstream) }],
    });
    await expect.poll(() => victim.isDead(), { timeout: 10_000, interval: 5 }).toBe(true);
    const heir = await world.startWorker({ leaseMs: LEASE_MS });
    await ended(world, batch);
    const rows = await taskRows(world, batch);
    expect(rows.map(({ state, resolution }) => `${state} ${resolution}`)).toEqual(
      Array.from({ length: TASKS }, () => 'succeeded charge'),
    );
    expect((await batchOf(world, batch)).credits).toMatchObject({ charged: TASKS * 49, held: 0 });
    expect(await missingVideos(world, batch)).toEqual([]);
    // What the dead one may have paid for is sent again at most once, and only where nobody could know.
    const generations = await generationsByPrompt(world);
    const most = step === 'record_submissions' ? 2 : 1;
    for (const prompt of wanted) expect(generations.get(prompt)).toBeLessThanOrEqual(most);
    victim.bury();
    await Promise.all([dying.stop(), heir.stop()]);
    expect(await violations(world)).toEqual([]);
  },
  60_000,
);
