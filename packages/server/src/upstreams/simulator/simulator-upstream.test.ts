import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createHttpClient } from '../../outbound/http-client.ts';
import { describeCapabilities } from '../../../testing/upstreams/conformance-of-capabilities.ts';
import { answer, type Reply } from '../../../testing/upstreams/scripted-server.ts';
import type { Upstream } from '../upstream.ts';
import { createSimulatorUpstream } from './simulator-upstream.ts';
import { startSimulator, type Simulator } from './simulator.ts';

const ok = (data: unknown): Reply => answer(200, { code: 0, msg: 'success', data });

describeCapabilities({
  name: 'simulator',
  wire: {
    found: (id) => ok({ status: 'found', id }),
    foundWithoutId: ok({ status: 'found' }),
    notStarted: ok({ status: 'not_started' }),
    undecided: ok({ status: 'pending' }),
    refusal: answer(200, { code: -1, msg: 'apikey error', data: null }),
    results: (tasks) =>
      ok({
        tasks: tasks.map(([id, task]) => ({
          id,
          status: task ?? 'gone',
          url: 'https://cdn.example/1.mp4',
          progress: 1,
        })),
      }),
  },
  create: ({ timeoutMs, ...ports }) =>
    createSimulatorUpstream({ name: 'simulator', ...ports, submitTimeoutMs: timeoutMs, pollTimeoutMs: timeoutMs }),
});

describe('the simulator itself', () => {
  let http: ReturnType<typeof createHttpClient>;
  let dataDir: string;
  let simulator: Simulator;
  const clock = { now: () => new Date() };
  const start = () => startSimulator({ dataDir, seed: 's', http, clock, latencyMs: [0, 0], apiKey: 'k' });
  const upstream = (): Upstream =>
    createSimulatorUpstream({ name: 's', baseUrl: simulator.url, apiKey: 'k', http, clock });
  const submit = (token: string, prompt = 'p') => upstream().submit({ model: 'sora-2', prompt, params: {}, token });

  beforeEach(async () => {
    http = createHttpClient();
    dataDir = await mkdtemp(join(tmpdir(), 'rushes-simulator-'));
    simulator = await start();
  });
  afterEach(async () => {
    await simulator.close();
    await http.close();
    await rm(dataDir, { recursive: true });
  });

  test('finds a submission whose answer was lost, in its next life too', async () => {
    expect(await submit('tok-1', 'x [sim:drop]')).toMatchObject({ kind: 'unknown' });
    const found = await upstream().lookUp!('tok-1');
    expect(found).toMatchObject({ kind: 'found' });
    await simulator.close();
    simulator = await start();
    expect(await upstream().lookUp!('tok-1')).toEqual(found);
  });

  test('starts nothing of which it has said that it was not started, in its next life neither', async () => {
    expect(await upstream().lookUp!('tok-1')).toEqual({ kind: 'not_started' });
    expect(await submit('tok-1')).toMatchObject({ kind: 'refused' });
    await simulator.close();
    simulator = await start();
    expect(await submit('tok-1')).toMatchObject({ kind: 'refused' });
    expect(await submit('tok-2')).toMatchObject({ kind: 'accepted' });
  });

  test('never says of a submission that is just coming in both that it was not started and that it was', async () => {
    const rounds = Array.from({ length: 40 }, async (_, round) => {
      const [submitted, lookedUp] = await Promise.all([submit(`tok-${round}`), upstream().lookUp!(`tok-${round}`)]);
      return submitted.kind === 'accepted' && lookedUp.kind === 'not_started';
    });
    expect(await Promise.all(rounds)).not.toContain(true);
  });

  test('answers for many generations at once', async () => {
    const first = await submit('tok-1');
    const second = await submit('tok-2', 'p [sim:timeout]');
    if (first.kind !== 'accepted' || second.kind !== 'accepted') throw new Error('not accepted');
    expect(await upstream().pollMany!([second.upstreamId, 'sim-none', first.upstreamId])).toMatchObject([
      { kind: 'running' },
      { kind: 'gone' },
      { kind: 'succeeded', videoUrl: `${simulator.url}/videos/${first.upstreamId}.mp4` },
    ]);
  });

  test('tells nothing to a stranger', async () => {
    const stranger = createSimulatorUpstream({ name: 's', baseUrl: simulator.url, apiKey: 'wrong', http, clock });
    expect(await stranger.lookUp!('tok-1')).toMatchObject({ kind: 'cannot_tell' });
    expect(await stranger.pollMany!(['a'])).toMatchObject([{ kind: 'unavailable' }]);
  });
});
