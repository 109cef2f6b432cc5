import { createHash, randomBytes } from 'node:crypto';
import { batchIds, taskIds, type LinkAction, type Task } from '@rushes/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestHttpServer, type TestAccount, type TestHttpServer } from '../../testing/http-server.ts';

const content = randomBytes(100_003);
const etag = `"${createHash('sha256').update(content).digest('hex')}"`;

let server: TestHttpServer;
let account: TestAccount;
let taskId: string;
let queuedTaskId: string;
beforeAll(async () => {
  server = await startTestHttpServer();
  account = await server.account({ credits: 10_000 });
  const items = Array.from({ length: 10 }, (_, at) => ({
    prompt: `Prompt ${at}`,
    ...(at === 1 ? { custom_id: 'a:b' } : {}),
  }));
  const made = await server.client.post('/v1/batches', {
    key: account.key,
    json: { request_id: 'v', model: 'sora-2', items },
  });
  await server.storeVideo(account.accountUuid, batchIds.parse(made.body.id)!, 0, content);
  await server.storeVideo(account.accountUuid, batchIds.parse(made.body.id)!, 1, content);
  const tasks = (await server.client.get(`/v1/batches/${made.body.id}/tasks`, { key: account.key })).body.data;
  taskId = tasks[0]!.id;
  queuedTaskId = tasks[2]!.id;
});
afterAll(() => server.close());

async function linkPath(action: LinkAction, id = taskId): Promise<string> {
  const link = await server.client.post(`/v1/tasks/${id}/links`, { key: account.key, json: { action } });
  expect(link.status).toBe(201);
  return new URL(link.body.url).pathname;
}

describe('a link', () => {
  it('plays inline and downloads as a file named like the task', async () => {
    const play = await server.client.get(await linkPath('play'));
    expect([play.status, play.headers.get('content-disposition')]).toEqual([200, 'inline; filename="00000.mp4"']);
    expect(play.bytes.equals(content)).toBe(true);
    expect(play.headers.get('x-content-type-options')).toBe('nosniff');
    expect(play.headers.get('accept-ranges')).toBe('bytes');
    expect(play.headers.get('content-type')).toBe('video/mp4');
    const tasks = (await server.client.get<Task>(`/v1/tasks/${taskId}`, { key: account.key })).body;
    const custom = await server.client.get(`/v1/batches/${tasks.batch_id}/tasks?custom_id=a:b`, { key: account.key });
    const download = await server.client.get(await linkPath('download', custom.body.data[0]!.id));
    expect(download.headers.get('content-disposition')).toBe('attachment; filename="a_b.mp4"');
  });

  it('for embedding leads to a page that plays it', async () => {
    const path = await linkPath('embed');
    const page = await server.client.get(path);
    const source = /src="([^"]+)"/.exec(page.bytes.toString())?.[1] ?? '';
    expect((await server.client.get(source)).bytes.equals(content)).toBe(true);
    expect((await server.client.get(`${await linkPath('play')}/embed`)).status).toBe(404);
  });

  it('made twice under one request_id is the same link', async () => {
    const ask = (more: object) =>
      server.client.post(`/v1/tasks/${taskId}/links`, {
        key: account.key,
        json: { action: 'play', request_id: 'l', ...more },
      });
    const first = await ask({});
    const second = await ask({ expires_in: 3_600 });
    expect([first.status, second.status, second.headers.get('idempotent-replayed')]).toEqual([201, 200, 'true']);
    expect(second.body).toEqual(first.body);
    expect((await ask({ action: 'download' })).status).toBe(422);
  });

  it('is refused for a task without a video, and for a time out of range', async () => {
    const queued = await server.client.post(`/v1/tasks/${queuedTaskId}/links`, {
      key: account.key,
      json: { action: 'play' },
    });
    expect([queued.status, queued.body.code]).toEqual([409, 'state_conflict']);
    for (const json of [
      { action: 'play', expires_in: 59 },
      { action: 'play', expires_in: 86_401 },
      { action: 'fly' },
      {},
    ]) {
      expect((await server.client.post(`/v1/tasks/${taskId}/links`, { key: account.key, json })).status).toBe(400);
    }
  });

  it('expires with a 410 that says how to get a new one', async () => {
    const task = taskIds.parse(taskId)!;
    const token = server.deps.linkSigner.sign({
      ...task,
      accountUuid: account.accountUuid,
      action: 'play',
      expiresAt: new Date(Date.now() - 1_000),
    });
    const answer = await server.client.get(`/v/${token}`);
    expect([answer.status, answer.body.code]).toEqual([410, 'link_expired']);
    expect(answer.body.detail).toContain('POST /v1/tasks/{id}/links');
  });

  it('with any character changed, cut or added is not found', async () => {
    const path = await linkPath('play');
    const token = path.slice(3);
    for (let at = 0; at < token.length; at += 1) {
      const forged = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
      expect(server.deps.linkSigner.verify(forged, new Date()).kind).toBe('forged');
    }
    // The last character has four bits to spare: of its 64 values one is right, not sixteen.
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const lasts = Array.from(alphabet).filter(
      (last) => server.deps.linkSigner.verify(token.slice(0, -1) + last, new Date()).kind === 'valid',
    );
    expect(lasts).toEqual([token.at(-1)]);
    for (const forged of [token.slice(0, -1), `${token}A`, 'x', `${token}=`, '%00']) {
      expect((await server.client.get(`/v/${forged}`)).status).toBe(404);
    }
  });

  it('to a video that is gone from the disk is not found', async () => {
    const path = await linkPath('play');
    const [row] = await server.admin.query<{ video_key: string }>(
      'SELECT video_key FROM tasks WHERE video_key IS NOT NULL AND task_index = 0',
    );
    await server.storage.remove(row!.video_key);
    expect((await server.client.get(path)).status).toBe(404);
    await server.storeVideo(account.accountUuid, taskIds.parse(taskId)!.batchUuid, 0, content);
  });
});

describe('ranges', () => {
  const size = content.length;
  it.each([
    ['bytes=0-0', 0, 0],
    ['bytes=0-99', 0, 99],
    ['bytes=100-', 100, size - 1],
    ['bytes=-5', size - 5, size - 1],
    [`bytes=-${size + 10}`, 0, size - 1],
    [`bytes=0-${size + 10}`, 0, size - 1],
    [`bytes=${size - 1}-`, size - 1, size - 1],
    ['bytes= 5-6 ', 5, 6],
    ['Bytes=5-6', 5, 6],
  ])('%s is answered with exactly these bytes', async (range, start, end) => {
    const answer = await server.client.get(await linkPath('play'), { headers: { range } });
    expect([answer.status, answer.headers.get('content-range')]).toEqual([206, `bytes ${start}-${end}/${size}`]);
    expect(answer.headers.get('content-length')).toBe(String(end - start + 1));
    expect(answer.bytes.equals(content.subarray(start, end + 1))).toBe(true);
  });

  it.each([`bytes=${size}-`, 'bytes=999999999-', 'bytes=-0'])('%s is outside', async (range) => {
    const answer = await server.client.get(await linkPath('play'), { headers: { range } });
    expect([answer.status, answer.headers.get('content-range')]).toEqual([416, `bytes */${size}`]);
    expect(answer.body.code).toBe('range_not_satisfiable');
  });

  it.each([
    'bytes=5-4',
    'bytes=-',
    'bytes=a-b',
    'lines=1-2',
    'bytes=0-1,5-6',
    'bytes=',
    '0-5',
    `bytes=0-${'9'.repeat(30)}`,
  ])('%s is ignored', async (range) => {
    const answer = await server.client.get(await linkPath('play'), { headers: { range } });
    expect(answer.status).toBe(200);
    expect(answer.bytes.equals(content)).toBe(true);
  });

  it('If-Range takes the part only while the video is the same', async () => {
    const path = await linkPath('play');
    const part = await server.client.get(path, { headers: { range: 'bytes=0-1', 'if-range': etag } });
    expect(part.status).toBe(206);
    for (const other of ['"other"', `W/${etag}`, 'Wed, 21 Oct 2026 07:28:00 GMT']) {
      expect((await server.client.get(path, { headers: { range: 'bytes=0-1', 'if-range': other } })).status).toBe(200);
    }
  });

  it('If-None-Match saves sending what the client has', async () => {
    const path = await linkPath('play');
    for (const known of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
      const answer = await server.client.get(path, { headers: { 'if-none-match': known } });
      expect([answer.status, answer.bytes.length, answer.headers.get('etag')]).toEqual([304, 0, etag]);
    }
    expect((await server.client.get(path, { headers: { 'if-none-match': '"x"' } })).status).toBe(200);
  });

  it('HEAD tells the length without the bytes', async () => {
    const path = await linkPath('play');
    const whole = await server.client.send('HEAD', path);
    expect([whole.status, whole.headers.get('content-length'), whole.bytes.length]).toEqual([200, String(size), 0]);
    const forged = await server.client.send('HEAD', '/v/x');
    expect([forged.status, forged.bytes.length]).toEqual([404, 0]);
  });
});
