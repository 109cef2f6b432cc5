/** The disk fills up while videos are written. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ServerProcess } from '../testing/server-process.ts';
import { FaultScene, prompts } from '../testing/fault-scene.ts';

interface Disk {
  /** Leaves no room for a video. */
  fill(): void;
  free(): void;
}

/**
 * Above the floor of 512 MiB below which no new tasks are started; a tmpfs takes memory only for what is written.
 */
const ROOMY = 'size=640m';
const MAX_SPARE_BYTES = 4_194_304;

/** A file system of its own that can be made smaller while it is in use; null where we may not mount. */
function mountDisk(scene: FaultScene): Disk | null {
  const folder = path.join(scene.place(0), 'videos');
  mkdirSync(folder, { recursive: true });
  const run = (command: string, ...words: string[]): string =>
    execFileSync(command, words, { stdio: ['ignore', 'pipe', 'ignore'] }).toString();
  try {
    run('mount', '-t', 'tmpfs', '-o', `${ROOMY},mode=700`, 'rushes-test', folder);
  } catch {
    return null;
  }
  scene.onClose(() => {
    run('umount', '--lazy', folder);
  });
  return {
    fill() {
      // It cannot become smaller than what it holds, and more may be written between the question and the command.
      for (let spare = 4_096; ; spare *= 4) {
        const used = Number(run('df', '--output=used', '-B1', folder).split('\n')[1]);
        try {
          run('mount', '-o', `remount,size=${used + spare}`, folder);
          return;
        } catch (error) {
          if (spare > MAX_SPARE_BYTES) throw error;
        }
      }
    },
    free: () => void run('mount', '-o', `remount,${ROOMY}`, folder),
  };
}

/** Without the right to mount: no file of the process may grow past a few bytes (EFBIG instead of ENOSPC). */
function limitFiles(server: ServerProcess): Disk {
  const limit = (bytes: string): void => {
    execFileSync('prlimit', ['--pid', String(server.pid), `--fsize=${bytes}:`]);
  };
  return {
    fill: () => {
      limit('64');
    },
    free: () => {
      limit('unlimited');
    },
  };
}

describe.runIf(process.platform === 'linux')('a disk that fills up while videos are written', () => {
  it(
    'makes tasks wait: nothing is charged without its video, nothing new is sent, nothing is generated twice',
    { timeout: 180_000 },
    async ({ onTestFinished }) => {
      const scene = await FaultScene.open({
        simulator: { RUSHES_SIMULATOR_LATENCY_MS: '500-5000' },
        // More slots than the first batch has tasks: what waits with its video keeps nothing else from being sent.
        server: { RUSHES_WORKER_CONCURRENCY: '400', RUSHES_MODEL_TIMEOUTS_MS: 'sora-2=8000' },
      });
      onTestFinished(() => scene.close());
      const mounted = mountDisk(scene);
      const server = await scene.start();
      const disk = mounted ?? limitFiles(server);
      const account = await scene.account('Customer', 100_000);
      const other = await scene.account('Other', 100_000);
      await scene.submit(server, account, 'full', prompts(300, 'a heap of film reels'));
      await scene.until('stored videos', 30_000, async () => (await scene.unfinished()) < 260);

      disk.fill();
      const failedFetches = (): number =>
        scene.logOf(server).filter(({ msg }) => msg === 'a video could not be fetched').length;
      await scene.until('videos that cannot be written', 30_000, () => failedFetches() > 20);
      // The free space is looked at once a second: what comes before that look may still be sent.
      if (mounted !== null) {
        await scene.until('the floor', 30_000, () => server.log().includes('no new tasks are started'));
      }
      const later = await scene.submit(server, other, 'later', prompts(20, 'an empty cinema'));
      const charges = (): Promise<number> => scene.count(`SELECT count(*) FROM credit_ledger WHERE kind = 'charge'`);
      const generationsOfLater = async (): Promise<number> =>
        (await scene.generations()).filter(({ prompt }) => later.prompts.includes(prompt)).length;
      // What was stored just before is charged by now.
      await sleep(2_000);
      const before = await charges();
      // Past the timeout of every try: a generation that is done has not timed out because we cannot store it.
      await sleep(7_000);
      expect(await charges()).toBe(before);
      if (mounted !== null) {
        expect(await generationsOfLater()).toBe(0);
      }

      disk.free();
      await scene.untilFinished();
      const outcomes = await scene.admin.query('SELECT state, attempt, count(*) AS tasks FROM tasks GROUP BY 1, 2');
      expect(outcomes).toEqual([{ state: 'succeeded', attempt: 1, tasks: 320 }]);
      await scene.expectNothingGeneratedTwice();
      await scene.expectWholeBooks();
    },
  );
});
