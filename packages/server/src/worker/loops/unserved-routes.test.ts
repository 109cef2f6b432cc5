import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../testing/silent-logger.ts';
import { systemClock, systemRandom } from '../../system/index.ts';
import type { WorkerNotice } from '../notices.ts';
import { watchUnservedRoutes } from './unserved-routes.ts';
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
  beforeAll(async () => {
    world = await openWorkerWorld();
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
    const store = createTaskStore(world.db, systemClock);
    const watching = watchUnservedRoutes(
      {
        clock: systemClock,
        logger: silentLogger,
        store: {
          async waitingElsewhere(routes) {
            const found = await store.waitingElsewhere(routes);
            looks += 1;
            return found;
          },
        },
        routes: new Map([[world.route().name, null]]),
        tell: (notice) => told.push(notice),
      },
      5,
    );
    const moreLooks = (count: number): Promise<void> => {
      const wanted = looks + count;
      return expect.poll(() => looks, { timeout: 10_000 }).toBeGreaterThan(wanted);
    };
    await moreLooks(10);
    const notice = { type: 'route.unserved', route: 'elsewhere', batches: 2, tasks: 21 };
    expect(told).toEqual([notice]);

    // A worker of that route has taken some of it.
    await store.configureRoute('elsewhere', 100);
    const leases = await store.claim(systemRandom.uuid(), 'elsewhere', 1, 60_000);
    expect(leases).toHaveLength(1);
    await moreLooks(10);
    expect(told).toEqual([notice]);
    await world.admin.query('UPDATE task_leases SET route = $1', ['simulator']);
    await moreLooks(10);
    await watching.stop();
    expect(told).toEqual([notice, { ...notice, tasks: 20 }]);
  });
});
