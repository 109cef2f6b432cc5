import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createHttpClient } from '../../outbound/http-client.ts';
import { createGrsai } from '../grsai.ts';
import { rawAnswer, ScriptedServer } from '../../../testing/upstreams/scripted-server.ts';
import { startSimulator, type Simulator } from './simulator.ts';

let http: ReturnType<typeof createHttpClient>;
let receiver: ScriptedServer;
let receiverUrl: string;
let dataDir: string;
let simulator: Simulator;

beforeEach(async () => {
  http = createHttpClient();
  receiver = new ScriptedServer();
  receiver.reply = rawAnswer(204, '');
  receiverUrl = await receiver.start();
  dataDir = await mkdtemp(join(tmpdir(), 'rushes-simulator-'));
  simulator = await startSimulator(options());
});

afterEach(async () => {
  await simulator.close();
  await receiver.stop();
  await http.close();
  await rm(dataDir, { recursive: true });
});

const clock = { now: () => new Date() };
const options = () => ({ dataDir, seed: 's', http, clock, latencyMs: [20, 20] }) as const;

async function submit(prompt: string, fields: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const answer = await http.request({
    method: 'POST',
    url: `${simulator.url}/v1/video/sora-video`,
    body: JSON.stringify({
      model: 'sora-2',
      prompt,
      webHook: `${receiverUrl}/cb/tok-1`,
      shutProgress: true,
      ...fields,
    }),
    timeoutMs: 20_000,
    maxResponseBytes: 10_000,
  });
  return JSON.parse(Buffer.from(answer.body).toString()).data.id as string;
}

const bodies = () => receiver.received.map(({ body }) => body as Record<string, unknown>);

test('the result is posted to the callback URL in a form that the adapter reads', async () => {
  const id = await submit('a');
  await expect.poll(() => receiver.received.length).toBe(1);
  expect(receiver.received[0]).toMatchObject({ method: 'POST', path: '/cb/tok-1' });
  const upstream = createGrsai({ name: 'x', baseUrl: simulator.url, apiKey: 'k', http, clock });
  const callback = upstream.parseCallback!(Buffer.from(JSON.stringify(bodies()[0])));
  expect(callback).toEqual({
    upstreamId: id,
    result: { kind: 'succeeded', videoUrl: `${simulator.url}/videos/${id}.mp4` },
  });
});

test('a dropped submission is still called back: that is how its id is learned', async () => {
  await expect(submit('x [sim:drop]')).rejects.toThrow();
  await expect.poll(() => receiver.received.length).toBe(1);
});

test('progress is posted before the result unless it is shut off', async () => {
  await submit('x [sim:delay=80ms]', { shutProgress: false });
  await expect.poll(() => bodies().at(-1)?.['status']).toBe('succeeded');
  expect(bodies().length).toBeGreaterThan(1);
  expect(bodies()[0]).toMatchObject({ status: 'running' });
});

test('a callback that is not taken is repeated', async () => {
  receiver.reply = rawAnswer(500, '');
  await submit('a [sim:fail]');
  await expect.poll(() => receiver.received.length).toBe(1);
  receiver.reply = rawAnswer(204, '');
  await expect.poll(() => receiver.received.length, { timeout: 10_000 }).toBe(2);
  expect(bodies()[1]).toMatchObject({ status: 'failed', failure_reason: 'error' });
});

test('a callback that was not taken before the end is posted by the next life, one that was taken is not', async () => {
  const taken = await submit('taken');
  await expect.poll(() => bodies().some(({ id }) => id === taken)).toBe(true);
  receiver.reply = rawAnswer(500, '');
  const owed = await submit('owed');
  await expect.poll(() => bodies().some(({ id }) => id === owed)).toBe(true);
  await simulator.close();
  receiver.received.length = 0;
  receiver.reply = rawAnswer(204, '');
  simulator = await startSimulator(options());
  await expect.poll(() => bodies().map(({ id }) => id)).toEqual([owed]);
});
