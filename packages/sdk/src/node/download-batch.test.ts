import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { aBatch, aTask, clientFor } from '../../test/fixtures.ts';
import { answer, refuse, reset, type ScriptedServer } from '../../test/scripted-server.ts';
import { sendVideo, serveVideos, sha256, type VideoScript, withVideo } from '../../test/video-server.ts';
import { AbortError, ConnectionError } from '../errors.ts';
import type { TaskResult } from '../types.ts';
import { downloadBatch } from './download-batch.ts';
import { manifestCsv } from './manifest.ts';

const videoOf = (index: number): Buffer => Buffer.alloc(1_000 + index, index);

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rushes-sdk-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
});

/** A server with one batch of these tasks, whose results carry links to `/v/{index}`. */
async function serveBatch(tasks: TaskResult[], onVideo?: VideoScript, total = tasks.length): Promise<ScriptedServer> {
  const server = await serveVideos(
    onVideo ??
      ((request, response) => {
        const index = Number(request.url.pathname.split('/')[2]);
        sendVideo(request, response, videoOf(index));
      }),
    (request, response) => {
      if (!request.url.pathname.endsWith('/results')) {
        answer(response, 200, aBatch({ status: 'partial', counts: { ...aBatch().counts, total } }));
        return;
      }
      response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      for (const task of tasks) {
        const link =
          task.video === null ? null : { url: `${server.url}/v/${task.index}`, expires_at: '2030-01-01T00:00:00Z' };
        response.write(`${JSON.stringify({ ...task, link })}\n`);
      }
      response.end();
    },
  );
  return server;
}

const FAILED = aTask(2, { status: 'failed', failure: { type: 'moderation_input', message: 'no' }, custom_id: '-2' });
const TASKS = [
  withVideo(0, videoOf(0), { custom_id: '-1.1' }),
  withVideo(1, videoOf(1)),
  FAILED,
  withVideo(3, videoOf(3), { custom_id: 'a:b' }),
];

test('every video and the manifest are on disk, and a second run fetches nothing', async () => {
  const server = await serveBatch(TASKS);
  const progress: number[] = [];
  const out = join(folder, 'new', 'out');
  const run = () =>
    downloadBatch(clientFor(server.url), 'bat_1', out, { onProgress: ({ done }) => progress.push(done) });
  expect(await run()).toMatchObject({ fetched: 3, alreadyPresent: 0, failures: [] });
  expect((await readdir(out)).sort()).toEqual(['-1.1.mp4', '00001.mp4', 'a%3Ab.mp4', 'manifest.csv'].sort());
  expect((await readFile(join(out, '00001.mp4'))).equals(videoOf(1))).toBe(true);
  expect(await readFile(join(out, 'manifest.csv'), 'utf8')).toBe(
    [
      'index,custom_id,status,failure_type,file,bytes,sha256,credits',
      `0,'-1.1,succeeded,,'-1.1.mp4,1000,${sha256(videoOf(0))},49`,
      `1,,succeeded,,00001.mp4,1001,${sha256(videoOf(1))},49`,
      `2,'-2,failed,moderation_input,,,,0`,
      `3,a:b,succeeded,,a%3Ab.mp4,1003,${sha256(videoOf(3))},49`,
      '',
    ].join('\r\n'),
  );
  expect(progress).toEqual([1, 2, 3]);
  const before = server.seen.length;
  expect(await run()).toMatchObject({ fetched: 0, alreadyPresent: 3 });
  expect(server.seen.slice(before).map(({ url }) => url.pathname)).toEqual([
    '/v1/batches/bat_1',
    '/v1/batches/bat_1/results',
  ]);
});

test('a batch can be brought to one folder several times at once', async () => {
  const server = await serveBatch(TASKS);
  const runs = Array.from({ length: 4 }, () => downloadBatch(clientFor(server.url), 'bat_1', folder));
  for (const report of await Promise.all(runs)) expect(report.failures).toEqual([]);
  expect((await readdir(folder)).sort()).toEqual(['-1.1.mp4', '00001.mp4', 'a%3Ab.mp4', 'manifest.csv']);
});

test('no more videos than asked for are fetched at a time', async () => {
  let running = 0;
  let most = 0;
  const tasks = Array.from({ length: 12 }, (_, index) => withVideo(index, videoOf(index)));
  const server = await serveBatch(tasks, (request, response) => {
    running += 1;
    most = Math.max(most, running);
    response.on('close', () => (running -= 1));
    setTimeout(() => sendVideo(request, response, videoOf(Number(request.url.pathname.split('/')[2]))), 20);
  });
  expect(await downloadBatch(clientFor(server.url), 'bat_1', folder, { concurrency: 3 })).toMatchObject({
    fetched: 12,
  });
  expect(most).toBeLessThanOrEqual(3);
});

test('a video that cannot be fetched does not stop the others and is told, in the manifest too', async () => {
  const server = await serveBatch(TASKS, (request, response) => {
    const index = Number(request.url.pathname.split('/')[2]);
    sendVideo(request, response, index === 1 ? Buffer.alloc(1_001, 9) : videoOf(index));
  });
  const result = await downloadBatch(clientFor(server.url), 'bat_1', folder);
  expect(result).toMatchObject({ fetched: 2, failures: [{ index: 1, task_id: 'tsk_1' }] });
  expect(result.rows[1]).toMatchObject({ file: null, bytes: null, sha256: null, status: 'succeeded' });
  expect(existsSync(join(folder, '00001.mp4'))).toBe(false);
});

test('results that end too early are an error, not a smaller batch', async () => {
  const server = await serveBatch(TASKS, undefined, 5);
  await expect(downloadBatch(clientFor(server.url), 'bat_1', folder)).rejects.toBeInstanceOf(ConnectionError);
  expect(await readdir(folder)).toEqual([]);
});

test('a server that is gone ends the download instead of failing ten thousand times', async () => {
  const tasks = Array.from({ length: 200 }, (_, index) => withVideo(index, videoOf(index)));
  const server = await serveBatch(tasks, (_, response) => reset(response));
  const client = clientFor(server.url, { maxRetries: 0 });
  await expect(downloadBatch(client, 'bat_1', folder, { concurrency: 2 })).rejects.toBeInstanceOf(ConnectionError);
  expect(server.seen.length).toBeLessThan(20);
});

test('an error of the file system ends the download as it is', async () => {
  const server = await serveBatch(TASKS);
  await writeFile(join(folder, 'file'), '');
  const download = downloadBatch(clientFor(server.url), 'bat_1', join(folder, 'file', 'out'));
  await expect(download).rejects.toMatchObject({ code: 'ENOTDIR' });
  // A folder where a video should be cannot be replaced by it.
  const out = join(folder, 'out');
  await downloadBatch(clientFor(server.url), 'bat_1', join(out, '00001.mp4'));
  await expect(downloadBatch(clientFor(server.url), 'bat_1', out)).rejects.toHaveProperty('syscall');
});

test('the caller’s abort ends it, and what is whole stays', async () => {
  const controller = new AbortController();
  const server = await serveBatch(TASKS, (request, response) => {
    if (request.url.pathname === '/v/0') sendVideo(request, response, videoOf(0));
  });
  const download = downloadBatch(clientFor(server.url), 'bat_1', folder, {
    concurrency: 1,
    signal: controller.signal,
    onProgress: () => controller.abort(),
  });
  await expect(download).rejects.toBeInstanceOf(AbortError);
  expect(existsSync(join(folder, '-1.1.mp4'))).toBe(true);
});

test('a batch that does not exist, and a concurrency that cannot be meant, are refused', async () => {
  const server = await serveVideos((_, response) => refuse(response, 404, 'not_found'));
  await expect(downloadBatch(clientFor(server.url), 'bat_1', folder)).rejects.toMatchObject({ status: 404 });
  for (const concurrency of [0, 1.5, 65, Number.NaN]) {
    await expect(downloadBatch(clientFor(server.url), 'bat_1', folder, { concurrency })).rejects.toThrow(/concurrency/);
  }
});

test('what a spreadsheet would run is shown instead, and can be undone', () => {
  const row = { index: 0, status: 'x', failure_type: null, file: null, bytes: null, sha256: null, credits: 0 };
  const texts = ['=1+1', '+1', '-1', '@a', '\ta', '\ra', "'a", 'a=1', 'a"b,c\nd', ''];
  for (const text of texts) {
    const csv = manifestCsv([{ ...row, custom_id: text }]);
    const [, field = ''] = /^0,("(?:[^"]|"")*"|[^,]*),x/m.exec(csv) ?? [];
    const value = field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field;
    expect(/^[=+\-@\t\r]/.test(value)).toBe(false);
    expect(value.replace(/^'/, '')).toBe(text);
  }
});
