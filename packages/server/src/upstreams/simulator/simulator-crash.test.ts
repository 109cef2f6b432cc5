import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createHttpClient } from '../../outbound/http-client.ts';
import { createGrsai } from '../grsai.ts';
import type { AuditEntry } from './generations.ts';

const SOURCE = join(import.meta.dirname, '..', 'index.ts');
const HTTP_SOURCE = join(import.meta.dirname, '..', '..', 'outbound', 'http-client.ts');
const clock = { now: () => new Date() };

let http: ReturnType<typeof createHttpClient>;
let dataDir: string;
let child: ChildProcess | null = null;

beforeEach(async () => {
  http = createHttpClient();
  dataDir = await mkdtemp(join(tmpdir(), 'rushes-simulator-'));
});

afterEach(async () => {
  await kill();
  await http.close();
  await rm(dataDir, { recursive: true });
});

/** A simulator in a process of its own, optionally under a limit on the size of the files it writes. */
async function spawnSimulator(fileSizeLimitBlocks: number | null = null): Promise<string> {
  const program = `
    import { startSimulator } from ${JSON.stringify(SOURCE)};
    import { createHttpClient } from ${JSON.stringify(HTTP_SOURCE)};
    const { url } = await startSimulator({
      dataDir: ${JSON.stringify(dataDir)}, seed: 's', http: createHttpClient(),
      clock: { now: () => new Date() }, latencyMs: [0, 50],
    });
    process.stdout.write(url + '\\n');`;
  const node = [process.execPath, '--input-type=module', '-e', program];
  const limited = ['sh', '-c', `ulimit -f ${String(fileSizeLimitBlocks)}; exec "$@"`, 'sh', ...node];
  const [command, ...args] = fileSizeLimitBlocks === null ? node : limited;
  child = spawn(command!, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout!, 'data')) as [Buffer];
  return line.toString().trim();
}

async function kill(): Promise<void> {
  if (child === null || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

async function listedIds(url: string): Promise<string[]> {
  const answer = await http.request({
    method: 'GET',
    url: `${url}/_sim/generations`,
    timeoutMs: 20_000,
    maxResponseBytes: 100_000_000,
  });
  return (JSON.parse(Buffer.from(answer.body).toString()).data as AuditEntry[]).map(({ id }) => id);
}

test('every submission that was answered is in the list after SIGKILL under load, time after time', async () => {
  const answered = new Set<string>();
  let submissions = 0;
  for (let life = 0; life < 4; life += 1) {
    const url = await spawnSimulator();
    const upstream = createGrsai({ name: 'simulator', baseUrl: url, apiKey: 'k', http, clock });
    let killed = false;
    const target = answered.size + 200 + life * 37;
    const submitters = Array.from({ length: 24 }, async () => {
      while (!killed) {
        submissions += 1;
        const prompt = `prompt ${submissions % 50} ${'x'.repeat(submissions % 300)}`;
        const result = await upstream.submit({ model: 'sora-2', prompt, params: {}, token: 't' });
        if (result.kind === 'accepted') answered.add(result.upstreamId);
      }
    });
    await expect.poll(() => answered.size, { timeout: 20_000, interval: 1 }).toBeGreaterThan(target);
    await kill();
    killed = true;
    await Promise.all(submitters);
  }
  const url = await spawnSimulator();
  const listed = await listedIds(url);
  expect(new Set(listed).size).toBe(listed.length);
  expect([...answered].filter((id) => !listed.includes(id))).toEqual([]);
  expect(listed.length).toBeLessThanOrEqual(submissions);
  const upstream = createGrsai({ name: 'simulator', baseUrl: url, apiKey: 'k', http, clock });
  await expect.poll(() => upstream.poll(listed[0]!)).toMatchObject({ kind: 'succeeded' });
});

test('a disk that is full refuses submissions and tears no line', async () => {
  const url = await spawnSimulator(16);
  const upstream = createGrsai({ name: 'simulator', baseUrl: url, apiKey: 'k', http, clock });
  const answered: string[] = [];
  let refused = 0;
  for (let index = 0; refused < 3; index += 1) {
    const prompt = `prompt ${index} ${'x'.repeat(index % 97)}`;
    const result = await upstream.submit({ model: 'sora-2', prompt, params: {}, token: 't' });
    if (result.kind === 'accepted') answered.push(result.upstreamId);
    else refused += 1;
  }
  expect(answered.length).toBeGreaterThan(0);
  expect(await readFile(join(dataDir, 'generations.jsonl'), 'utf8')).toMatch(/\n$/);
  expect(await listedIds(url)).toEqual(answered);
  await kill();
  expect(await listedIds(await spawnSimulator())).toEqual(answered);
});
