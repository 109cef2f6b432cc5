import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../testing/silent-logger.ts';
import { systemClock, systemRandom } from '../../system/index.ts';
import { createEngine } from '../create-engine.ts';
import type { Engine } from '../engine.ts';
import type { WorkerNotice } from '../notices.ts';
import { watchUnservedRoutes } from './sweep.ts';
import { createTaskStore } from '../store/task-store.ts';
import {
  createBatch,
  openAccount,
  openWorkerWorld,
  prompts,
  serviceOfRoute,
  type WorkerWorld,
} from '../../../testing/worker/worker-world.ts';

describe('a route that no worker serves', () => {
  let world: WorkerWorld;
  let engine: Engine;
  beforeAll(async () => {
    world = await openWorkerWorld();
    const store = createTaskStore(world.db, systemClock);
    const options = {
      workerId: systemRandom.uuid(),
      db: world.db,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      http: world.http,
      storage: world.storage,
      routes: [world.route()],
      concurrency: 1,
      leaseMs: 2_000,
      dispatchIntervalMs: 20,
      tokenFor: () => 'token',
      deadWorkers: () => Promise.resolve([]),
    };
    engine = createEngine(options, store, () => undefined);
  });
  afterAll(() => world.close());

  it('is told of once while its tasks wait, and again only when somebody had served it', async () => {
    const caller = await openAccount(world);
    await createBatch(world, caller, prompts(10));
    const elsewhere = serviceOfRoute(world, 'elsewhere');
    await createBatch(world, caller, prompts(10), { service: elsewhere });
    await createBatch(world, caller, prompts(11), { service: elsewhere });

    const told: WorkerNotice[] = [];
    let looks = 0;
    const counting: Engine = {
      ...engine,
      store: Object.assign(Object.create(engine.store) as typeof engine.store, {
        waitingElsewhere: async (routes: readonly string[]) => {
          const found = await engine.store.waitingElsewhere(routes);
          looks += 1;
          return found;
        },
      }),
    };
    const stop = new AbortController();
    const watching = watchUnservedRoutes(counting, (notice) => told.push(notice), stop.signal, 5);
    const moreLooks = (count: number): Promise<void> => {
      const wanted = looks + count;
      return expect.poll(() => looks, { timeout: 10_000 }).toBeGreaterThan(wanted);
    };
    await moreLooks(10);
    const notice = { type: 'route.unserved', route: 'elsewhere', batches: 2, tasks: 21 };
    expect(told).toEqual([notice]);

    // A worker of that route has taken some of it.
    await engine.store.configureRoute('elsewhere', 100);
    const leases = await engine.store.claim(systemRandom.uuid(), 'elsewhere', 1, 60_000);
    expect(leases).toHaveLength(1);
    await moreLooks(10);
    expect(told).toEqual([notice]);
    await world.admin.query('UPDATE task_leases SET route = $1', ['simulator']);
    await moreLooks(10);
    stop.abort();
    await watching;
    expect(told).toEqual([notice, { ...notice, tasks: 20 }]);
  });
});
