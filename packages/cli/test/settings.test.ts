import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { API_KEY, rushes, scratchFolder } from './rushes.ts';
import { problem, startServer } from './scripted-server.ts';

describe('settings', () => {
  const key = (letter: string): string => `rk_test_${letter.repeat(40)}`;

  test('flags go before the environment, the project file and the user file', async () => {
    const [flag, environment, project] = [await startServer(), await startServer(), await startServer()];
    const folder = scratchFolder();
    writeFileSync(join(folder, '.rushes.json'), JSON.stringify({ base_url: project.url, model: 'veo-pro' }));
    const inside = join(folder, 'deep', 'down');
    mkdirSync(inside, { recursive: true });
    await rushes(['credits'], { cwd: inside });
    await rushes(['credits'], { cwd: inside, server: environment });
    await rushes(['credits', '--base-url', flag.url], { cwd: inside, server: environment });
    expect([project, environment, flag].map((server) => server.requests.length)).toEqual([1, 1, 1]);
    await rushes(['estimate', '-'], { cwd: inside, stdin: 'a fox\n' });
    expect(JSON.parse(project.requests[1]!.body)).toMatchObject({ model: 'veo-pro' });
  });

  test('a stored key is sent to its own server only, wherever a project file points', async () => {
    const [own, foreign] = [await startServer(), await startServer()];
    const config = scratchFolder();
    const project = scratchFolder();
    mkdirSync(join(config, 'rushes'));
    writeFileSync(
      join(config, 'rushes', 'config.json'),
      JSON.stringify({ base_url: `${own.url}/`, api_key: key('A') }),
      { mode: 0o600 },
    );
    writeFileSync(join(project, '.rushes.json'), JSON.stringify({ base_url: foreign.url }));
    const env = { RUSHES_API_KEY: undefined, XDG_CONFIG_HOME: config };
    expect((await rushes(['credits'], { env })).code).toBe(0);
    expect(own.requests[0]!.headers.authorization).toBe(`Bearer ${key('A')}`);
    expect((await rushes(['credits'], { env, cwd: project })).code).toBe(3);
    expect(foreign.requests).toHaveLength(0);
  });

  test('a file with a key that others can read is refused', async () => {
    const config = scratchFolder();
    mkdirSync(join(config, 'rushes'));
    writeFileSync(join(config, 'rushes', 'config.json'), JSON.stringify({ api_key: key('A') }), { mode: 0o644 });
    const { code, stderr } = await rushes(['credits'], { env: { RUSHES_API_KEY: undefined, XDG_CONFIG_HOME: config } });
    expect(code).toBe(3);
    expect(stderr).toContain('chmod 600');
    expect(stderr).not.toContain(key('A'));
  });

  test('an unknown setting is named', async () => {
    const folder = scratchFolder();
    writeFileSync(join(folder, '.rushes.json'), '{"base-url":"http://x"}');
    const { code, stderr } = await rushes(['credits'], { cwd: folder });
    expect(code).toBe(2);
    expect(stderr).toContain('"base-url" is not known');
  });

  test('login keeps a key that works in a file for the owner alone, and only such a key', async () => {
    const server = await startServer();
    const config = scratchFolder();
    const env = { RUSHES_API_KEY: undefined, XDG_CONFIG_HOME: config };
    const path = join(config, 'rushes', 'config.json');
    server.before = () => problem(401, 'unauthorized', 'This key is not known.');
    expect((await rushes(['login'], { server, env, stdin: `${API_KEY}\n` })).code).toBe(3);
    expect(existsSync(path)).toBe(false);
    server.before = () => null;
    const { code, stdout, stderr } = await rushes(['login'], { server, env, stdin: `${API_KEY}\n` });
    expect(code).toBe(0);
    expect(stdout + stderr).not.toContain(API_KEY);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect((await rushes(['credits'], { env })).code).toBe(0);
  });
});

test.each([
  ['https://user:hunter2@rushes.example.com', 'a user name, a password'],
  ['https://rushes.example.com?key=hunter2', 'a query'],
  ['https://rushes.example.com/v1/', 'must not end with /v1'],
  ['rushes.example.com', 'not an http or https URL'],
])('the address %s is refused with the reason, and no password is repeated', async (url, reason) => {
  const { code, stderr, stdout } = await rushes(['credits', '--json'], { server: { url } });
  expect(code).toBe(2);
  expect(stderr).toContain(reason);
  expect(stderr + stdout).not.toContain('hunter2');
});
