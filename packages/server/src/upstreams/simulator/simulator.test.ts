import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createHttpClient } from '../../outbound/http-client.ts';
import { createGrsai } from '../grsai.ts';
import type { Generation, PollResult, SubmitResult, Upstream } from '../upstream.ts';
import type { AuditEntry } from './generations.ts';
import { startSimulator, type Simulator, type SimulatorOptions } from './simulator.ts';

const API_KEY = 'sim-key';
const SECOND = 1_000;

let http: ReturnType<typeof createHttpClient>;
let dataDir: string;
let simulator: Simulator;
let upstream: Upstream;
let nowMs: number;
const clock = { now: () => new Date(nowMs) };

beforeEach(async () => {
  http = createHttpClient();
  dataDir = join(await mkdtemp(join(tmpdir(), 'rushes-simulator-')), 'simulator');
  nowMs = Date.parse('2026-11-21T12:00:00Z');
  await start();
});

afterEach(async () => {
  await simulator.close();
  await http.close();
  await rm(join(dataDir, '..'), { recursive: true, force: true });
});

async function start(overrides: Partial<SimulatorOptions> = {}): Promise<void> {
  simulator = await startSimulator({
    dataDir,
    seed: 's',
    http,
    clock,
    apiKey: API_KEY,
    latencyMs: [SECOND, SECOND],
    ...overrides,
  });
  upstream = createGrsai({ name: 'simulator', baseUrl: simulator.url, apiKey: API_KEY, http, clock });
}

async function restart(overrides: Partial<SimulatorOptions> = {}): Promise<void> {
  await simulator.close();
  await start(overrides);
}

function submit(prompt: string, overrides: Partial<Generation> = {}): Promise<SubmitResult> {
  return upstream.submit({ model: 'sora-2', prompt, params: {}, token: 't', ...overrides });
}

async function accepted(prompt: string, overrides: Partial<Generation> = {}): Promise<string> {
  const result = await submit(prompt, overrides);
  if (result.kind !== 'accepted') throw new Error(`not accepted: ${JSON.stringify(result)}`);
  return result.upstreamId;
}

async function outcomeOf(prompt: string): Promise<PollResult> {
  const id = await accepted(prompt);
  nowMs += SECOND;
  return upstream.poll(id);
}

async function get(path: string): Promise<{ status: number; type: string | undefined; body: Buffer }> {
  const url = path.startsWith('http') ? path : simulator.url + path;
  const headers = { authorization: `Bearer ${API_KEY}` };
  const answer = await http.request({ method: 'GET', url, headers, timeoutMs: 20_000, maxResponseBytes: 10_000_000 });
  return { status: answer.status, type: answer.headers['content-type'], body: Buffer.from(answer.body) };
}

async function post(path: string, body: unknown, key = API_KEY): Promise<{ status: number; body: string }> {
  const answer = await http.request({
    method: 'POST',
    url: simulator.url + path,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    timeoutMs: 20_000,
    maxResponseBytes: 10_000_000,
  });
  return { status: answer.status, body: Buffer.from(answer.body).toString() };
}

async function auditList(): Promise<AuditEntry[]> {
  return JSON.parse((await get('/_sim/generations')).body.toString()).data as AuditEntry[];
}

const failure = (type: string) => ({ kind: 'failed', failure: { type } });

describe('fates', () => {
  test('a generation runs for its latency, then succeeds with a video', async () => {
    const id = await accepted('a cat');
    expect(await upstream.poll(id)).toEqual({ kind: 'running', progress: 0 });
    nowMs += 400;
    expect(await upstream.poll(id)).toEqual({ kind: 'running', progress: 40 });
    nowMs += 599;
    expect(await upstream.poll(id)).toMatchObject({ kind: 'running' });
    expect((await get(`/videos/${id}.mp4`)).status).toBe(404);
    nowMs += 1;
    const result = await upstream.poll(id);
    if (result.kind !== 'succeeded') throw new Error(result.kind);
    const video = await get(result.videoUrl);
    expect(video).toMatchObject({ status: 200, type: 'video/mp4' });
    expect(video.body.toString('latin1', 4, 8)).toBe('ftyp');
  });

  test('[sim:fail] fails every try', async () => {
    for (let round = 0; round < 3; round += 1) {
      expect(await outcomeOf('x [sim:fail]')).toMatchObject(failure('provider_error'));
    }
  });

  test('[sim:fail_once] fails the first generation of that exact prompt only, restarts included', async () => {
    expect(await outcomeOf('x [sim:fail_once]')).toMatchObject(failure('provider_error'));
    await restart();
    expect(await outcomeOf('x [sim:fail_once]')).toMatchObject({ kind: 'succeeded' });
    expect(await outcomeOf('y [sim:fail_once]')).toMatchObject(failure('provider_error'));
  });

  test('[sim:moderate] and [sim:moderate_output] are moderated', async () => {
    expect(await outcomeOf('x [sim:moderate]')).toMatchObject(failure('moderation_input'));
    expect(await outcomeOf('x [sim:moderate_output]')).toMatchObject(failure('moderation_output'));
  });

  test('[sim:timeout] never finishes', async () => {
    const id = await accepted('x [sim:timeout]');
    nowMs += 365 * 86_400 * SECOND;
    expect(await upstream.poll(id)).toMatchObject({ kind: 'running' });
  });

  test('[sim:delay] replaces the latency and combines with a fate', async () => {
    const [slow, failing] = [await accepted('x [sim:delay=5s]'), await accepted('x [sim:delay=5s][sim:fail]')];
    nowMs += 4_999;
    expect(await upstream.poll(slow)).toMatchObject({ kind: 'running' });
    expect(await upstream.poll(failing)).toMatchObject({ kind: 'running' });
    nowMs += 1;
    expect(await upstream.poll(slow)).toMatchObject({ kind: 'succeeded' });
    expect(await upstream.poll(failing)).toMatchObject({ kind: 'failed' });
  });

  test('[sim:reject] is refused as invalid and starts nothing', async () => {
    expect(await submit('x [sim:reject]')).toMatchObject({ kind: 'refused', failure: { type: 'invalid_request' } });
    expect(await auditList()).toEqual([]);
  });

  test('[sim:drop] starts the generation without an answer, the first time for that prompt, restarts included', async () => {
    expect(await submit('x [sim:drop]')).toMatchObject({ kind: 'unknown' });
    const [dropped] = await auditList();
    expect(dropped).toMatchObject({ prompt: 'x [sim:drop]', status: 'running' });
    await restart();
    expect(await submit('x [sim:drop]')).toMatchObject({ kind: 'accepted' });
    expect(await submit('y [sim:drop]')).toMatchObject({ kind: 'unknown' });
    expect(await auditList()).toHaveLength(3);
    nowMs += SECOND;
    expect(await upstream.poll(dropped!.id)).toMatchObject({ kind: 'succeeded' });
  });

  test('[sim:expire] succeeds, but its link is gone', async () => {
    const result = await outcomeOf('x [sim:expire]');
    if (result.kind !== 'succeeded') throw new Error(result.kind);
    expect((await get(result.videoUrl)).status).toBe(404);
  });

  test('two simulators with one seed treat prompts alike, in whatever order they arrive', async () => {
    const prompts = Array.from({ length: 40 }, (_, index) => `prompt ${index}`);
    const finishTimes = async (order: readonly string[]): Promise<Map<string, string>> => {
      await simulator.close();
      await rm(dataDir, { recursive: true });
      await start({ latencyMs: [0, 1_000], failureRate: 0.5 });
      const ids = new Map<string, string>();
      for (const prompt of order) ids.set(prompt, await accepted(prompt));
      const fates = new Map<string, string>();
      for (let elapsedMs = 0; elapsedMs <= 1_000; elapsedMs += 100, nowMs += 100) {
        for (const [prompt, id] of ids) {
          const { kind } = await upstream.poll(id);
          if (kind !== 'running' && !fates.has(prompt)) fates.set(prompt, `${kind} by ${elapsedMs} ms`);
        }
      }
      return fates;
    };
    const fates = await finishTimes(prompts);
    expect(new Set(fates.values()).size).toBeGreaterThan(5);
    expect(await finishTimes(prompts.toReversed())).toEqual(fates);
  });
});

describe('the audit list', () => {
  test('names every generation, oldest first, with its status of now', async () => {
    const first = await accepted('a "quoted" 猫\nprompt 🎬', { callbackUrl: 'http://127.0.0.1:9/cb/tok-1' });
    nowMs += SECOND;
    const second = await accepted('b', { model: 'veo3.1-fast' });
    expect(await auditList()).toEqual([
      {
        id: first,
        prompt: 'a "quoted" 猫\nprompt 🎬',
        status: 'succeeded',
        started_at: '2026-11-21T12:00:00.000Z',
        model: 'sora-2',
        web_hook: 'http://127.0.0.1:9/cb/tok-1',
      },
      {
        id: second,
        prompt: 'b',
        status: 'running',
        started_at: '2026-11-21T12:00:01.000Z',
        model: 'veo3.1-fast',
        web_hook: null,
      },
    ]);
  });

  test('known generations go on after a restart, with the fate they had, whatever the new settings', async () => {
    const ids = [await accepted('a'), await accepted('b [sim:fail]')];
    await restart({ seed: 'another', failureRate: 1, latencyMs: [60_000, 60_000] });
    expect(await upstream.poll(ids[0]!)).toMatchObject({ kind: 'running' });
    nowMs += SECOND;
    expect(await upstream.poll(ids[0]!)).toMatchObject({ kind: 'succeeded' });
    expect(await upstream.poll(ids[1]!)).toMatchObject({ kind: 'failed' });
  });

  test('a last line that a crash tore apart is left out, and the next one is whole', async () => {
    const id = await accepted('a');
    await simulator.close();
    await appendFile(join(dataDir, 'generations.jsonl'), '{"kind":"generation","generation":{"id":"sim-to');
    await start();
    const next = await accepted('b');
    await restart();
    expect((await auditList()).map((entry) => entry.id)).toEqual([id, next]);
  });

  test('a file that is no journal is refused by name and left alone', async () => {
    await simulator.close();
    const path = join(dataDir, 'generations.jsonl');
    await writeFile(path, 'my notes\nare here\n');
    await expect(start()).rejects.toThrow('generations.jsonl is not a simulator');
    expect(await readFile(path, 'utf8')).toBe('my notes\nare here\n');
    await rm(path);
    await start();
  });

  test('a second simulator on the same directory is found out before it can spoil the list', async () => {
    const first = simulator;
    await start();
    const id = await accepted('a');
    const stale = createGrsai({ name: 'stale', baseUrl: first.url, apiKey: API_KEY, http, clock });
    const result = await stale.submit({ model: 'sora-2', prompt: 'b', params: {}, token: 't' });
    expect(result.kind).toBe('unknown');
    await first.close();
    expect((await auditList()).map((entry) => entry.id)).toEqual([id]);
  });

  test('a long list arrives whole', async () => {
    const ids: string[] = [];
    const submitters = Array.from({ length: 16 }, async (_, submitter) => {
      for (let index = 0; index < 100; index += 1)
        ids.push(await accepted(`${submitter}/${index} ${'猫'.repeat(500)}`));
    });
    await Promise.all(submitters);
    expect((await auditList()).map((entry) => entry.id).toSorted()).toEqual(ids.toSorted());
  });
});

describe('the legacy form', () => {
  test('different prompts have different videos, and the shape is the one asked for', async () => {
    const ids = [
      await accepted('a'),
      await accepted('b'),
      await accepted('a', { params: { aspect_ratio: '9:16' } }),
      await accepted('a'),
    ];
    nowMs += SECOND;
    const [a, b, portrait, again] = await Promise.all(ids.map(async (id) => (await get(`/videos/${id}.mp4`)).body));
    expect(a!.equals(b!)).toBe(false);
    expect(a!.equals(portrait!)).toBe(false);
    expect(a!.equals(again!)).toBe(true);
  });

  test('veo answers with a top-level url, sora with results', async () => {
    const [sora, veo] = [await accepted('a'), await accepted('a', { model: 'veo3.1-pro' })];
    nowMs += SECOND;
    const taskOf = async (id: string): Promise<unknown> =>
      JSON.parse((await post('/v1/draw/result', { id })).body).data;
    expect(await taskOf(sora)).toMatchObject({ results: [{ url: `${simulator.url}/videos/${sora}.mp4` }] });
    expect(await taskOf(veo)).toMatchObject({ url: `${simulator.url}/videos/${veo}.mp4` });
    expect(await upstream.poll(veo)).toMatchObject({ kind: 'succeeded' });
  });

  test('an id that it does not know is code -22', async () => {
    expect(await upstream.poll('sim-unknown')).toMatchObject({ kind: 'gone' });
    expect(JSON.parse((await post('/v1/draw/result', {})).body).code).toBe(-22);
  });

  test('a wrong key starts nothing and sees nothing', async () => {
    const id = await accepted('a');
    const stranger = createGrsai({ name: 'x', baseUrl: simulator.url, apiKey: 'wrong', http, clock });
    const result = await stranger.submit({ model: 'sora-2', prompt: 'b', params: {}, token: 't' });
    expect(result).toMatchObject({ kind: 'refused', failure: { type: 'provider_unavailable' } });
    expect(await stranger.poll(id)).toMatchObject({ kind: 'unavailable' });
    expect(await auditList()).toHaveLength(1);
  });

  test.each([
    [{ model: 'sora-3' }, 'model not found'],
    [{ model: 'veo3.1-pro' }, 'model not found'],
    [{ prompt: ' ' }, 'prompt is required'],
    [{ prompt: undefined }, 'prompt is required'],
    [{ prompt: 'x'.repeat(20_001) }, 'too long'],
    [{ aspectRatio: '1:1' }, 'aspectRatio'],
    [{ duration: 12 }, 'duration'],
    [{ size: 'huge' }, 'size'],
    [{ webHook: 'nowhere' }, 'webHook'],
    [{ webHook: 'file:///etc/passwd' }, 'webHook'],
  ])('a submission with %j is refused in words and starts nothing', async (change, words) => {
    const answer = await post('/v1/video/sora-video', { model: 'sora-2', prompt: 'a', webHook: '-1', ...change });
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body)).toMatchObject({ code: -1, data: null });
    expect(answer.body).toContain(words);
    expect(await auditList()).toEqual([]);
  });

  test('what is no JSON is refused in words, what is too large by its status', async () => {
    expect(JSON.parse((await post('/v1/video/veo', '{"model":')).body).code).toBe(-1);
    expect((await post('/v1/video/veo', 'x'.repeat(20 * 1024 * 1024 + 1))).status).toBe(413);
    expect((await post('/v1/nothing', {})).status).toBe(404);
  });
});

describe('the unified form', () => {
  const generate = async (prompt: string): Promise<string> => {
    const body = { model: 'sora-2', prompt, images: [], aspectRatio: '16:9', replyType: 'async' };
    const answer = await post('/v1/api/generate', body);
    expect(JSON.parse(answer.body)).toMatchObject({ status: 'running' });
    return JSON.parse(answer.body).id as string;
  };
  const resultOf = async (id: string) => {
    const { status, body } = await get(`/v1/api/result?id=${id}`);
    return { status, body: JSON.parse(body.toString()) };
  };

  test('running, succeeded, failed and violation, the failures as HTTP 400 with a body', async () => {
    const ids = await Promise.all(['a', 'b [sim:fail]', 'c [sim:moderate]'].map(generate));
    expect(await resultOf(ids[0]!)).toMatchObject({ status: 200, body: { id: ids[0], status: 'running' } });
    nowMs += SECOND;
    const url = `${simulator.url}/videos/${ids[0]}.mp4`;
    expect(await resultOf(ids[0]!)).toMatchObject({ status: 200, body: { status: 'succeeded', results: [{ url }] } });
    expect(await resultOf(ids[1]!)).toMatchObject({ status: 400, body: { id: ids[1], status: 'failed' } });
    expect(await resultOf(ids[2]!)).toMatchObject({ status: 400, body: { id: ids[2], status: 'violation' } });
    expect(await auditList()).toHaveLength(3);
  });

  test('a bad key is HTTP 200 with an empty body', async () => {
    const answer = await post('/v1/api/generate', { model: 'sora-2', prompt: 'a', replyType: 'async' }, 'wrong');
    expect(answer).toEqual({ status: 200, body: '' });
    expect(await auditList()).toEqual([]);
  });
});

test.each([
  { latencyMs: [5, 1] },
  { latencyMs: [-1, 1] },
  { latencyMs: [0, Number.POSITIVE_INFINITY] },
  { failureRate: 1.5 },
  { failureRate: Number.NaN },
] satisfies Partial<SimulatorOptions>[])('the settings %j are refused', async (settings) => {
  await expect(startSimulator({ dataDir, seed: 's', http, clock, ...settings })).rejects.toThrow(RangeError);
});

test('a port in use is told at the start', async () => {
  const port = Number(new URL(simulator.url).port);
  await expect(startSimulator({ dataDir: join(dataDir, 'other'), seed: 's', http, clock, port })).rejects.toMatchObject(
    {
      code: 'EADDRINUSE',
    },
  );
});

test('health is told without a key', async () => {
  expect((await get('/_sim/health')).status).toBe(200);
});
