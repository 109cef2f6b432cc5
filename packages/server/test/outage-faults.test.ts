/** What every server leans on goes away under load and comes back: PostgreSQL, and the upstream. */
import { readFileSync } from 'node:fs';
import { createServer, connect, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../testing/server-process.ts';
import { silentLogger } from '../testing/silent-logger.ts';
import { openEmbeddedPostgres } from '../src/postgres/open.ts';
import { pgDataOf } from '../testing/postgres/holder.ts';
import { migrate } from '../src/schema/index.ts';
import { FaultScene, prompts } from '../testing/fault-scene.ts';

const A_MINUTE_MS = 60_000;

/** A PostgreSQL of the test's own, to be stopped. */
async function ownPostgres() {
  const directory = temporaryDirectory();
  const open = () => openEmbeddedPostgres({ dataDir: directory.path, logger: silentLogger });
  let running = await open();
  await migrate({ migrationUrl: running.adminUrl, applicationUrl: running.appUrl });
  const { adminUrl, appUrl } = running;
  return {
    adminUrl,
    appUrl,
    /** Fast: sessions are ended, a checkpoint is written. */
    stop: () => running.close(),
    async start(): Promise<void> {
      running = await open();
      expect(running.appUrl).toBe(appUrl);
    },
    /** Immediate: as after a crash. Whoever holds it open starts it again within a second or two. */
    crash(): void {
      const [pid] = readFileSync(path.join(pgDataOf(directory.path), 'postmaster.pid'), 'utf8').split('\n');
      process.kill(Number(pid), 'SIGQUIT');
    },
    async drop(): Promise<void> {
      await running.close();
      directory.remove();
    },
  };
}

/** A way to a database that can fall silent: bytes are taken and nothing comes back, as behind a firewall that forgot. */
async function silenceable(url: string) {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let isSilent = false;
  const server = createServer((client) => {
    const upstream = connect({ host: target.hostname, port: Number(target.port) });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (chunk) => {
      if (!isSilent) upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (!isSilent) client.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const through = new URL(url);
  through.port = String((server.address() as AddressInfo).port);
  return {
    url: through.href,
    fallSilent: () => void (isSilent = true),
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

describe.concurrent('servers under load', () => {
  it(
    'wait out a PostgreSQL that is restarted, that crashes, and that is away for a minute, and lose and repeat nothing',
    { timeout: 300_000 },
    async ({ onTestFinished }) => {
      const postgres = await ownPostgres();
      const scene = await FaultScene.open({
        database: postgres,
        simulator: { RUSHES_SIMULATOR_LATENCY_MS: '500-3000', RUSHES_SIMULATOR_FAILURE_RATE: '0.05' },
        server: { RUSHES_WORKER_CONCURRENCY: '20' },
      });
      onTestFinished(() => scene.close());
      const api = await scene.startApi({ place: 0 });
      const workers = [await scene.startWorker({ place: 0 }), await scene.startWorker({ place: 1 })];
      const account = await scene.account('Customer', 100_000);
      const batch = await scene.submit(api, account, 'restarts', prompts(400, 'a harbour at dusk'));
      const settled = (): Promise<number> =>
        scene.count('SELECT count(*) FROM tasks WHERE resolution IS NOT NULL').catch(() => 0);
      const progress = async (what: string): Promise<void> => {
        const before = await settled();
        await scene.until(what, 60_000, async () => (await settled()) > Math.max(before, 0) + 20);
      };

      await progress('work before the restart');
      await postgres.stop();
      await postgres.start();
      await progress('work after the restart');
      postgres.crash();
      await scene.until('its end', 10_000, async () => (await settled()) === 0);
      await scene.until('its return', 30_000, async () => (await settled()) > 0);
      await progress('work after the crash');
      expect(await scene.unfinished(batch)).toBeGreaterThan(40);

      await postgres.stop();
      await sleep(A_MINUTE_MS);
      await postgres.start();
      await scene.untilFinished();
      for (const server of [api, ...workers]) {
        expect(await Promise.race([server.exited(), Promise.resolve('up')])).toBe('up');
      }
      await scene.expectWholeBooks();
      for (const server of [api, ...workers]) expect(await server.stop()).toBe(0);
    },
  );

  it(
    'wait out an upstream that is gone for a minute: no task fails for it, hardly anything is tried meanwhile, the rest finishes',
    { timeout: 300_000 },
    async ({ onTestFinished }) => {
      const scene = await FaultScene.open({
        simulator: { RUSHES_SIMULATOR_LATENCY_MS: '500-1500' },
        server: { RUSHES_WORKER_CONCURRENCY: '40' },
      });
      onTestFinished(() => scene.close());
      const server = await scene.start();
      const account = await scene.account('Customer', 100_000);
      const batch = await scene.submit(server, account, 'outage', prompts(300, 'a valley in the rain'));
      await scene.until('work in flight', 30_000, async () => (await scene.unfinished()) < 260);

      await scene.killSimulator();
      const attempts = (): Promise<number> => scene.count('SELECT sum(attempt) FROM tasks');
      await sleep(A_MINUTE_MS / 2);
      const halfWay = await attempts();
      await sleep(A_MINUTE_MS / 2);
      // An open breaker lets one submission through at a time, with pauses that have grown to 16 s and more by now.
      expect((await attempts()) - halfWay).toBeLessThanOrEqual(4);
      expect(await scene.unfinished(batch)).toBeGreaterThan(100);

      await scene.restartSimulator();
      await scene.untilFinished();
      const outcomes = await scene.admin.query(
        'SELECT state, resolution, failure_type, count(*) AS tasks FROM tasks GROUP BY 1, 2, 3',
      );
      expect(outcomes).toEqual([{ state: 'succeeded', resolution: 'charge', failure_type: null, tasks: 300 }]);
      // A refused submission used up none of the three attempts of its task.
      expect(
        await scene.count(
          `SELECT count(*) FROM tasks t
           WHERE t.failures <> (SELECT count(*) FROM task_attempts a
             WHERE a.account_id = t.account_id AND a.batch_id = t.batch_id AND a.task_index = t.task_index
               AND a.failure_type NOT IN ('provider_unavailable', 'provider_rate_limited'))`,
        ),
      ).toBe(0);
      await scene.expectWholeBooks();
    },
  );

  it(
    'stop within a minute even when the database has fallen silent',
    { timeout: 120_000 },
    async ({ onTestFinished }) => {
      const scene = await FaultScene.open({ simulator: { RUSHES_SIMULATOR_LATENCY_MS: '200-400' } });
      onTestFinished(() => scene.close());
      const way = await silenceable(scene.env['DATABASE_URL'] ?? '');
      onTestFinished(() => {
        way.close();
      });
      const api = await scene.startApi({ place: 1 });
      const account = await scene.account('Customer', 100_000);
      await scene.submit(api, account, 'silence', prompts(200, 'a quiet library'));
      const server = await scene.start(undefined, { place: 0, env: { DATABASE_URL: way.url } });
      await scene.until('work in flight', 30_000, async () => (await scene.unfinished()) < 190);
      way.fallSilent();
      const startedMs = performance.now();
      // Not 0: not everything could be ended properly, and whoever started it should know.
      expect(await server.stop()).toBe(1);
      expect(performance.now() - startedMs).toBeLessThan(A_MINUTE_MS);
      expect(server.log()).toContain('some work did not end in time');
      // The same place: what it left is taken over at once.
      await scene.startWorker({ place: 0 });
      await scene.untilFinished();
      await scene.expectWholeBooks();
    },
  );
});
