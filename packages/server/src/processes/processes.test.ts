import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Writable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findDeadProcesses, forget, registerProcess } from './index.ts';
import { thisPlace, thisProcess, type ProcessIdentity } from './identity.ts';
import { isDead } from './verdict.ts';

let dataDir: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  dataDir = mkdtempSync(path.join(tmpdir(), 'rushes-processes-'));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(dataDir, { recursive: true, force: true });
});

async function registeredChild(workerId: string): Promise<ChildProcess> {
  const script = `
    import { registerProcess } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)};
    registerProcess(${JSON.stringify(dataDir)}, { workerId: ${JSON.stringify(workerId)} });
    process.stdout.write('ready');
    setInterval(() => undefined, 60_000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  if (child.stdout !== null) await once(child.stdout, 'data');
  return child;
}

async function deadIds(): Promise<string[]> {
  return (await findDeadProcesses(dataDir)).map(({ workerId }) => workerId);
}

test('a process killed with SIGKILL is found dead, and forgotten once told', async () => {
  const child = await registeredChild('w1');
  await registeredChild('w2');
  expect(await deadIds()).toEqual([]);
  child.kill('SIGKILL');
  await once(child, 'exit');
  const [dead] = await findDeadProcesses(dataDir);
  expect(dead).toMatchObject({ workerId: 'w1', pid: child.pid });
  if (dead !== undefined) await forget(dead);
  expect(await deadIds()).toEqual([]);
  expect(readdirSync(path.join(dataDir, 'processes'))).toEqual(['w2.json']);
});

test('a process that ends cleanly leaves nothing behind', async () => {
  const registered = registerProcess(dataDir, { workerId: 'me' });
  expect(await deadIds()).toEqual([]);
  registered.release();
  registered.release();
  expect(readdirSync(path.join(dataDir, 'processes'))).toEqual([]);
});

test('the registration is private and written whole', () => {
  registerProcess(dataDir, { workerId: 'me' });
  expect(readdirSync(path.join(dataDir, 'processes'))).toEqual(['me.json']);
  expect(statSync(path.join(dataDir, 'processes', 'me.json')).mode & 0o777).toBe(0o600);
});

test('a data directory without registrations has no dead', async () => {
  expect(await deadIds()).toEqual([]);
});

test('a worker id cannot leave the folder', () => {
  expect(() => registerProcess(dataDir, { workerId: '../me' })).toThrow(TypeError);
});

test('a damaged or renamed registration declares nobody dead', async () => {
  const child = await registeredChild('w1');
  child.kill('SIGKILL');
  await once(child, 'exit');
  const folder = path.join(dataDir, 'processes');
  renameSync(path.join(folder, 'w1.json'), path.join(folder, 'w2.json'));
  writeFileSync(path.join(folder, 'w3.json'), readFileSync(path.join(folder, 'w2.json'), 'utf8').slice(0, 30));
  expect(await deadIds()).toEqual([]);
});

const here = thisPlace();
const me = thisProcess();
const isLinux = process.platform === 'linux';

test.each<[string, Partial<ProcessIdentity>, boolean]>([
  ['this very process', {}, false],
  ['one on another host', { hostname: 'elsewhere', bootId: 'another' }, false],
  ['one in another pid namespace', { pidNamespace: 'pid:[1]', startTicks: '1' }, false],
])('%s counts as alive: %j', (_name, change, dead) => {
  expect(isDead({ ...me, ...change }, here)).toBe(dead);
});

test.runIf(isLinux).each<[string, Partial<ProcessIdentity>]>([
  ['a process of the boot before', { bootId: 'another' }],
  ['a process whose pid now belongs to somebody else', { startTicks: '1' }],
])('%s is dead', (_name, change) => {
  expect(isDead({ ...me, ...change }, here)).toBe(true);
});

test('without /proc a reused pid counts as alive and a free one as dead', async () => {
  const bare = { hostname: here.hostname, bootId: null, pidNamespace: null };
  expect(isDead({ ...bare, pid: process.pid, startTicks: null }, bare)).toBe(false);
  const child = await registeredChild('gone');
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(isDead({ ...bare, pid: child.pid ?? 0, startTicks: null }, bare)).toBe(true);
});

test('what registered without /proc is not judged by a system with one', () => {
  expect(isDead({ ...me, bootId: null }, { ...here, bootId: 'some' })).toBe(false);
});

test.runIf(isLinux)('a process that ended and was not reaped is dead', async () => {
  // The shell's child ends after another program has replaced the shell, one that does not wait for it.
  const script = 'cat <&3 >/dev/null & echo $!; exec sleep 60';
  const parent = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit', 'pipe'] });
  children.push(parent);
  const [printed] = (await once(parent.stdio[1]!, 'data')) as [Buffer];
  const pid = Number(printed.toString());
  await expect.poll(() => readFileSync(`/proc/${String(parent.pid)}/comm`, 'utf8')).toBe('sleep\n');
  (parent.stdio[3] as Writable).end();
  await expect.poll(() => isDead({ ...me, pid, startTicks: null }, here)).toBe(true);
  expect(() => process.kill(pid, 0)).not.toThrow();
});
