/** Workers whose host clocks are wrong, by libfaketime. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { FaultScene, prompts } from '../testing/fault-scene.ts';

const HOUR_MS = 3_600_000;

/** Debian's package faketime; installed here when we may, since a test that is skipped proves nothing. */
function libfaketime(): string {
  const found = findLibrary();
  if (found !== null) return found;
  if (process.geteuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    execFileSync('apt-get', ['update', '-qq'], { stdio: 'ignore', env });
    execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'faketime'], { stdio: 'ignore', env });
  }
  const installed = findLibrary();
  if (installed === null) {
    throw new Error('This test needs libfaketime: as root "apt-get install faketime", or your system’s package of it.');
  }
  return installed;
}

function findLibrary(): string | null {
  const folders = ['/usr/lib', '/usr/lib64', '/usr/local/lib'].filter((folder) => existsSync(folder));
  const candidates = folders.flatMap((folder) => [
    folder,
    ...readdirSync(folder).map((name) => path.join(folder, name)),
  ]);
  for (const folder of candidates) {
    const library = path.join(folder, 'faketime', 'libfaketime.so.1');
    if (existsSync(library)) return library;
  }
  return null;
}

/**
 * Moves the wall clock only. By itself libfaketime moves CLOCK_MONOTONIC too, which no wrong host clock does: it counts
 * from the start of the machine.
 */
function clockOff(hours: string): Readonly<Record<string, string>> {
  return { LD_PRELOAD: libfaketime(), FAKETIME: `${hours}h`, DONT_FAKE_MONOTONIC: '1' };
}

/** How far off the clock of the worker of a data directory is, by the time that it wrote into its registration. */
function registeredOffsetMs(dataDir: string): number {
  const folder = path.join(dataDir, 'processes');
  const [name = ''] = readdirSync(folder);
  const { registeredAt } = JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as { registeredAt: string };
  return Date.parse(registeredAt) - Date.now();
}

describe.runIf(process.platform === 'linux')('two workers whose clocks are an hour ahead and an hour behind', () => {
  it('steal no lease, time nothing out and submit nothing twice', { timeout: 180_000 }, async ({ onTestFinished }) => {
    const scene = await FaultScene.open({
      simulator: { RUSHES_SIMULATOR_LATENCY_MS: '1000-4000' },
      server: {
        RUSHES_LEASE_MS: '1500',
        RUSHES_WORKER_CONCURRENCY: '30',
        RUSHES_MODEL_TIMEOUTS_MS: 'sora-2=30000',
        RUSHES_LOG_LEVEL: 'info',
      },
    });
    onTestFinished(() => scene.close());
    const api = await scene.startApi({ place: 2 });
    const ahead = await scene.startWorker({ place: 0, env: clockOff('+1') });
    const behind = await scene.startWorker({ place: 1, env: clockOff('-1') });
    expect(Math.abs(registeredOffsetMs(scene.place(0)) - HOUR_MS)).toBeLessThan(HOUR_MS / 10);
    expect(Math.abs(registeredOffsetMs(scene.place(1)) + HOUR_MS)).toBeLessThan(HOUR_MS / 10);

    const account = await scene.account('Customer', 100_000);
    const batch = await scene.submit(api, account, 'clocks', prompts(240, 'a clock tower'));
    const leases = new Set<string>();
    await scene.until('the end of every task', 120_000, async () => {
      for (const row of await scene.admin.query<{ worker_id: string }>('SELECT worker_id FROM task_leases')) {
        leases.add(row.worker_id);
      }
      return (await scene.unfinished(batch)) === 0;
    });
    // Both had work, for several times the length of a lease.
    expect(leases.size).toBe(2);
    for (const worker of [ahead, behind]) expect(worker.log()).not.toContain('took over leases');
    const outcomes = await scene.admin.query(
      'SELECT state, attempt, failures, count(*) AS tasks FROM tasks GROUP BY 1, 2, 3',
    );
    expect(outcomes).toEqual([{ state: 'succeeded', attempt: 1, failures: 0, tasks: 240 }]);
    await scene.expectNothingGeneratedTwice();
    await scene.expectWholeBooks();
  });
});
