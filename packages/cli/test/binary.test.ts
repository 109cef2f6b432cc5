import { closeSync, existsSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startBinary } from './binary.ts';
import { EventServer } from './event-server.ts';
import { scratchFolder } from './rushes.ts';
import { type ScriptedServer, startServer } from './scripted-server.ts';

/** What only a real process shows: streams that break, signals and its exit code. */

const PROMPTS = Array.from({ length: 10 }, (_, at) => `a fox, number ${at}`).join('\n');

function promptFile(): string {
  const path = join(scratchFolder(), 'prompts.txt');
  writeFileSync(path, PROMPTS);
  return path;
}

const SUBMIT = ['--model', 'sora-2', '--yes'];

test('the exit code, standard input and the version reach the shell', async () => {
  const server = await startServer();
  const submitted = await startBinary(['submit', '-', ...SUBMIT], { server, stdin: PROMPTS }).ended;
  expect(submitted).toMatchObject({ code: 0, signal: null, stdout: 'bat_1\n' });
  expect(await startBinary(['status'], { server }).ended).toMatchObject({ code: 2, stdout: '' });
  expect((await startBinary(['--version']).ended).stdout).toMatch(/^rushes \d+\.\d+\.\d+ \w+-\w+ node-v\d+/);
});

test('the build has every command, and no file of its own is needed for one', async () => {
  const { code, stdout } = await startBinary(['webhooks', 'endpoints', '--help']).ended;
  expect(code).toBe(0);
  expect(stdout).toContain('The URLs that the server sends events to.');
  expect(stdout).toContain('webhooks endpoints rotate-secret');
});

test('the key of a login is found in the home folder of the user', async () => {
  const server = await startServer();
  const env = { HOME: scratchFolder(), XDG_CONFIG_HOME: undefined, RUSHES_API_KEY: undefined };
  const login = startBinary(['login'], { server, env, stdin: `rk_test_${'A'.repeat(40)}\n` });
  expect((await login.ended).code).toBe(0);
  expect((await startBinary(['credits'], { env }).ended).code).toBe(0);
  expect(server.requests.at(-1)?.headers.authorization).toBe(`Bearer rk_test_${'A'.repeat(40)}`);
});

test('a reader that has seen enough ends the command quietly', async () => {
  const server = await startServer();
  let pages = 0;
  server.before = () => {
    pages += 1;
    const entry = { seq: 1, kind: 'grant', from: 'external', to: 'available', amount: 1, reason: 'x'.repeat(2_000) };
    return { body: { data: Array.from({ length: 200 }, () => entry), has_more: true, next_cursor: `c${pages}` } };
  };
  const { child, exit } = startBinary(['ledger', 'list', '--all', '--json'], { server });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString('utf8')));
  child.stdout.once('data', () => child.stdout.destroy());
  expect(await exit).toEqual({ code: 0, signal: null });
  expect(errors).toBe('');
});

test('listening ends when nobody reads the output any more', async () => {
  const server = await new EventServer().start();
  server.add(1);
  const { child, exit } = startBinary(['webhooks', 'listen', '--from', '0', '--heartbeat', '1'], { server });
  await new Promise<void>((resolve) => child.stdout.once('data', () => resolve()));
  child.stdout.destroy();
  server.add(1);
  expect((await exit).code).toBe(0);
});

async function serverWithBatch(): Promise<ScriptedServer> {
  const server = await startServer();
  await startBinary(['submit', '-', ...SUBMIT], { server, stdin: PROMPTS }).ended;
  return server;
}

test.skipIf(!existsSync('/dev/full'))(
  'a result that cannot be written ends with 1 and says why, without a stack',
  async () => {
    const server = await serverWithBatch();
    const full = openSync('/dev/full', 'w');
    onTestFinished(() => closeSync(full));
    for (const argv of [['credits'], ['list', '--json'], ['help']]) {
      const { code, stderr } = await startBinary(argv, { server, stdout: full }).ended;
      expect(code).toBe(1);
      expect(stderr).toMatch(/^Error: cannot write to standard output: .*no space left.*\n$/);
    }
  },
);

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s leaves the batch running, says how to come back, and exits with 130',
  async (name) => {
    const server = await startServer();
    server.looksUntilFinal = Infinity;
    const { child, ended } = startBinary(['submit', promptFile(), ...SUBMIT, '--wait', '--json'], { server });
    const looking = new Promise<void>((resolve) => {
      server.before = (request) => {
        if (request.path === '/v1/batches/bat_1') resolve();
        return null;
      };
    });
    await looking;
    child.kill(name);
    const { code, signal, stdout, stderr } = await ended;
    expect({ code, signal }).toEqual({ code: 130, signal: null });
    expect(JSON.parse(stdout)).toMatchObject({ code: 'interrupted', exit_code: 130, batch_id: 'bat_1' });
    expect(stderr).toContain('bat_1 continues');
    expect(stderr).toContain('rushes watch bat_1');
    expect(server.requests.some((request) => request.path.endsWith('/cancel'))).toBe(false);
  },
);
