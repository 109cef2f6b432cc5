import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Database, SqlValue } from '../db/index.ts';
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
} from '../../testing/worker/worker-world.ts';

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
  /** Dead, and what it had sent before has arrived. */
  readonly isDead: () => boolean;
  /** Whatever it waits for ends: calls fail and statements answer that they did nothing, so that it has nothing left to write. */
  bury(): void;
}

/** A process that dies before or after the first statement, or call, of a kind: nothing it wants to do afterwards happens. */
function victimOf(step: string, when: 'before' | 'after'): Victim {
  let dead = false;
  let isBuried = false;
  let underWay = 0;
  const graves: (() => void)[] = [];
  const through = async <T>(name: string, work: () => Promise<T>, afterBurial: () => T): Promise<T> => {
    const nothing = async (): Promise<T> => {
      if (!isBuried) await new Promise<void>((resolve) => graves.push(resolve));
      return afterBurial();
    };
    if (dead) return nothing();
    if (name.includes(step) && when === 'before') dead = true;
    if (dead) return nothing();
    underWay += 1;
    const answer = await work().finally(() => (underWay -= 1));
    if (name.includes(step)) dead = true;
    return dead ? nothing() : answer;
  };
  const killed = (): never => {
    throw new Error('killed');
  };
  const real = world.openDatabase(3);
  return {
    isDead: () => dead && underWay === 0,
    bury: () => {
      dead = true;
      isBuried = true;
      for (const resolve of graves.splice(0)) resolve();
    },
    db: {
      ...real,
      query: <R extends object>(sql: string, values?: readonly SqlValue[]) =>
        through<R[]>(
          sql,
          () => real.query<R>(sql, values),
          () => [],
        ),
      transaction: (work) => through('transaction', () => real.transaction(work), killed),
    },
    upstream: (upstream) => ({
      ...upstream,
      submit: (generation, signal) => through('upstream submit', () => upstream.submit(generation, signal), killed),
      poll: (id, signal) => through('upstream poll', () => upstream.poll(id, signal), killed),
    }),
  };
}

it.each([
  ['claim_tasks', 'after'],
  ['leased_tasks', 'after'],
  ['begin_attempts', 'before'],
  ['begin_attempts', 'after'],
  ['upstream submit', 'before'],
  ['upstream submit', 'after'],
  ['record_submissions', 'before'],
  ['record_submissions', 'after'],
  ['upstream poll', 'after'],
  ['settle_tasks', 'before'],
  ['settle_tasks', 'after'],
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
    // Nobody can know whether what was sent and has no id yet was started: of these the dead one may have paid for one more.
    const unknown = new Set(
      (await taskRows(world, batch)).flatMap((row) => (row.state === 'submitting' ? [row.task_index] : [])),
    );
    const heir = await world.startWorker({ db: world.db, leaseMs: LEASE_MS });
    await ended(world, batch);
    const rows = await taskRows(world, batch);
    expect(rows.map(({ state, resolution }) => `${state} ${resolution}`)).toEqual(
      Array.from({ length: TASKS }, () => 'succeeded charge'),
    );
    expect((await batchOf(world, batch)).credits).toMatchObject({ charged: TASKS * 49, held: 0 });
    expect(await missingVideos(world, batch)).toEqual([]);
    const generations = await generationsByPrompt(world);
    for (const [index, prompt] of wanted.entries()) {
      expect(generations.get(prompt)).toBeLessThanOrEqual(unknown.has(index) ? 2 : 1);
    }
    victim.bury();
    await Promise.all([dying.stop(), heir.stop()]);
    expect(await violations(world)).toEqual([]);
  },
  60_000,
);
