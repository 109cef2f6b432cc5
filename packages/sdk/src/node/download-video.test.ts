import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { clientFor } from '../../test/fixtures.ts';
import { refuse, reset } from '../../test/scripted-server.ts';
import { beginVideo, sendVideo, serveVideos, sha256, withVideo } from '../../test/video-server.ts';
import { AbortError, ConnectionError, DownloadError, PermissionDeniedError } from '../errors.ts';
import { downloadVideo } from './download-video.ts';

const VIDEO = Buffer.from(Array.from({ length: 200_000 }, (_, at) => (at * 31) % 251));
const TASK = withVideo(7, VIDEO, { custom_id: 'shot:1' });

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rushes-sdk-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
});

/** Ends `held` as soon as a download has come this far. */
const cutAt = (held: Set<ServerResponse>, step: number) => (bytes: number) => {
  if (bytes === 0 || bytes % step !== 0) return;
  for (const response of held) response.destroy();
};

const partOf = (path: string): string => `${path}.${sha256(VIDEO).slice(0, 12)}.part`;

test('a video lands under its name with the right bytes and nothing beside it', async () => {
  const server = await serveVideos((request, response) => sendVideo(request, response, VIDEO));
  const progress: number[] = [];
  const result = await clientFor(server.url).videos.download(TASK, `${folder}/out/`, {
    onProgress: (bytes, total) => progress.push(bytes / total),
  });
  expect(result).toEqual({
    path: join(folder, 'out', 'shot%3A1.mp4'),
    bytes: VIDEO.length,
    sha256: sha256(VIDEO),
    alreadyPresent: false,
  });
  expect((await readFile(result.path)).equals(VIDEO)).toBe(true);
  expect(await readdir(join(folder, 'out'))).toEqual(['shot%3A1.mp4']);
  expect(progress.at(-1)).toBe(1);
  expect(server.videos[0]!.headers.authorization).toBeUndefined();
});

test('a target that is no folder is the path of the file', async () => {
  const server = await serveVideos((request, response) => sendVideo(request, response, VIDEO));
  const client = clientFor(server.url);
  expect((await client.videos.download(TASK, join(folder, 'new.mp4'))).path).toBe(join(folder, 'new.mp4'));
  expect((await client.videos.download(TASK, folder)).path).toBe(join(folder, 'shot%3A1.mp4'));
});

test('a file that is there and whole is not fetched again, a damaged one is replaced', async () => {
  const server = await serveVideos((request, response) => sendVideo(request, response, VIDEO));
  const client = clientFor(server.url);
  const path = join(folder, 'a.mp4');
  await writeFile(path, VIDEO);
  expect(await client.videos.download(TASK, path)).toMatchObject({ alreadyPresent: true });
  expect(server.seen).toHaveLength(0);
  const damaged = Buffer.from(VIDEO);
  damaged[5]! ^= 1;
  await writeFile(path, damaged);
  expect(await client.videos.download(TASK, path)).toMatchObject({ alreadyPresent: false });
  expect((await readFile(path)).equals(VIDEO)).toBe(true);
});

test('a connection that breaks off is resumed where it stopped, on the condition that the video is the same', async () => {
  const held = new Set<ServerResponse>();
  const server = await serveVideos((request, response, at) => {
    if (at >= 5) {
      sendVideo(request, response, VIDEO);
      return;
    }
    held.add(response);
    beginVideo(request, response, VIDEO, 30_000);
  });
  const client = clientFor(server.url, { maxRetries: 1 });
  const { path } = await client.videos.download(TASK, `${folder}/`, { onProgress: cutAt(held, 30_000) });
  expect((await readFile(path)).equals(VIDEO)).toBe(true);
  expect(server.videos.map(({ headers }) => headers.range)).toEqual([
    undefined,
    'bytes=30000-',
    'bytes=60000-',
    'bytes=90000-',
    'bytes=120000-',
    'bytes=150000-',
  ]);
  expect(server.videos[1]!.headers['if-range']).toBe(`"${sha256(VIDEO)}"`);
  expect(server.links).toHaveLength(1);
});

test('the next run resumes what the last one left', async () => {
  const path = join(folder, 'a.mp4');
  const held = new Set<ServerResponse>();
  const broken = await serveVideos((request, response) => {
    if (request.headers.range !== undefined) {
      reset(response);
      return;
    }
    held.add(response);
    beginVideo(request, response, VIDEO, 50_000);
  });
  const download = clientFor(broken.url).videos.download(TASK, path, { onProgress: cutAt(held, 50_000) });
  await expect(download).rejects.toBeInstanceOf(ConnectionError);
  expect(existsSync(path)).toBe(false);
  expect((await stat(partOf(path))).size).toBe(50_000);
  const server = await serveVideos((request, response) => sendVideo(request, response, VIDEO));
  await clientFor(server.url).videos.download(TASK, path);
  expect(server.videos.map(({ headers }) => [headers.range, headers['if-range']])).toEqual([
    ['bytes=50000-', `"${sha256(VIDEO)}"`],
  ]);
  expect((await readFile(path)).equals(VIDEO)).toBe(true);
  expect(existsSync(partOf(path))).toBe(false);
});

test.each([
  ['damaged', Buffer.alloc(60_000, 1)],
  ['damaged and as long as the video', Buffer.alloc(VIDEO.length, 1)],
  ['longer than the video', Buffer.alloc(VIDEO.length + 1, 1)],
])('a leftover that is %s is given up and the video fetched anew', async (_, leftover) => {
  const path = join(folder, 'a.mp4');
  await writeFile(partOf(path), leftover);
  const server = await serveVideos((request, response) => sendVideo(request, response, VIDEO));
  await clientFor(server.url).videos.download(TASK, path);
  expect((await readFile(path)).equals(VIDEO)).toBe(true);
});

test('a server that cannot resume sends everything again, and the file is right', async () => {
  const held = new Set<ServerResponse>();
  const server = await serveVideos((request, response, at) => {
    if (at > 0) {
      sendVideo({ ...request, headers: {} }, response, VIDEO);
      return;
    }
    held.add(response);
    beginVideo(request, response, VIDEO, 80_000);
  });
  const options = { onProgress: cutAt(held, 80_000) };
  const { path } = await clientFor(server.url).videos.download(TASK, `${folder}/`, options);
  expect(server.videos[1]!.headers.range).toBe('bytes=80000-');
  expect((await readFile(path)).equals(VIDEO)).toBe(true);
});

test('a server that never gets further is given up', async () => {
  const held = new Set<ServerResponse>();
  const server = await serveVideos((request, response) => {
    held.add(response);
    beginVideo({ ...request, headers: {} }, response, VIDEO, 80_000);
  });
  const options = { onProgress: cutAt(held, 80_000) };
  const download = clientFor(server.url).videos.download(TASK, `${folder}/`, options);
  await expect(download).rejects.toBeInstanceOf(ConnectionError);
  expect(server.videos).toHaveLength(3);
});

test('wrong bytes never get the name of the video', async () => {
  const wrong = Buffer.from(VIDEO);
  wrong[VIDEO.length - 1]! ^= 1;
  const server = await serveVideos((request, response) => sendVideo(request, response, wrong));
  await expect(clientFor(server.url).videos.download(TASK, `${folder}/`)).rejects.toBeInstanceOf(DownloadError);
  expect(await readdir(folder)).toEqual([]);
  expect(server.videos).toHaveLength(1);
});

test.each([401, 403, 404, 410])('a link that answers %i is replaced by a fresh one', async (status) => {
  const held = new Set<ServerResponse>();
  const server = await serveVideos((request, response, at) => {
    if (at === 0 || at === 2) {
      refuse(response, status, 'forbidden');
      return;
    }
    if (at > 2) {
      sendVideo(request, response, VIDEO);
      return;
    }
    held.add(response);
    beginVideo(request, response, VIDEO, 1_000);
  });
  const onProgress = (bytes: number): void => (bytes === 1_000 ? cutAt(held, 1_000)(bytes) : undefined);
  const link = { url: `${server.url}/v/old`, expires_at: '2020-01-01T00:00:00.000Z' };
  const { path } = await clientFor(server.url).videos.download(TASK, `${folder}/`, { link, onProgress });
  expect((await readFile(path)).equals(VIDEO)).toBe(true);
  expect(server.links).toHaveLength(2);
  expect(server.videos.map(({ url }) => url.pathname)).toEqual(['/v/old', '/v/1', '/v/1', '/v/2']);
});

test('a fresh link that is refused too ends the download with the refusal', async () => {
  const server = await serveVideos((_, response) => refuse(response, 403, 'forbidden'));
  await expect(clientFor(server.url).videos.download(TASK, folder)).rejects.toBeInstanceOf(PermissionDeniedError);
  expect(server.links).toHaveLength(1);
});

test('an abort keeps what came for the next time', async () => {
  const controller = new AbortController();
  const server = await serveVideos((_, response) => {
    response.writeHead(200, { 'content-length': VIDEO.length });
    response.write(VIDEO.subarray(0, 10_000));
  });
  const path = join(folder, 'a.mp4');
  const download = clientFor(server.url).videos.download(TASK, path, {
    signal: controller.signal,
    onProgress: (bytes) => {
      if (bytes === 10_000) controller.abort();
    },
  });
  await expect(download).rejects.toBeInstanceOf(AbortError);
  expect((await stat(partOf(path))).size).toBe(10_000);
});

test('two downloads of one video at a time end with one right file', async () => {
  const server = await serveVideos((request, response) => sendVideo(request, response, VIDEO));
  const client = clientFor(server.url);
  const path = join(folder, 'a.mp4');
  await Promise.all([downloadVideo(client, TASK, path), downloadVideo(client, TASK, path)]);
  expect((await readFile(path)).equals(VIDEO)).toBe(true);
  expect(await readdir(folder)).toEqual(['a.mp4']);
});

test('a task without a video, or with a digest that is none, is refused before anything is sent or written', async () => {
  const server = await serveVideos((request, response) => sendVideo(request, response, VIDEO));
  const client = clientFor(server.url);
  await expect(client.videos.download({ ...TASK, video: null }, folder)).rejects.toThrow(/only tasks that succeeded/);
  const evil = { ...TASK, video: { bytes: 1, sha256: '../../../etc/x', content_type: 'video/mp4' } };
  await expect(client.videos.download(evil, folder)).rejects.toThrow(/SHA-256/);
  expect(server.seen).toHaveLength(0);
  expect(await readdir(folder)).toEqual([]);
});
