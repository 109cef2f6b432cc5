/** The shims of both commands, run as processes in a tree that looks like an installation. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NODE_FLOOR, isAtLeast } from '../bin/launch.js';

const root = path.resolve(import.meta.dirname, '../../..');

/** Where the shim believes to run on Node 20 until the pinned one takes over. */
let tree: string;
let shim: string;

beforeEach(() => {
  // With a space, as in many a home directory.
  tree = realpathSync(mkdtempSync(path.join(tmpdir(), 'rushes launch ')));
  const bin = path.join(tree, 'packages/server/bin');
  mkdirSync(bin, { recursive: true });
  copyFileSync(path.join(root, 'packages/server/bin/launch.js'), path.join(bin, 'launch.js'));
  writeFileSync(path.join(tree, 'packages/server/package.json'), '{"type":"module"}');
  shim = path.join(bin, 'command.js');
  writeFileSync(
    shim,
    `import { launch } from './launch.js';
await launch({ name: 'command', shim: import.meta.url, build: '../dist/main.js', nodeVersion: process.env.PRETEND ?? process.versions.node });`,
  );
});
afterEach(() => rmSync(tree, { recursive: true }));

function build(program: string): void {
  mkdirSync(path.join(tree, 'packages/server/dist'));
  writeFileSync(path.join(tree, 'packages/server/dist/main.js'), program);
}

/** What npm's package \`node\` looks like. The real one is not copied for its 120 MB. */
function pin(version: string): void {
  const bin = path.join(tree, 'node_modules/node/bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(path.join(tree, 'node_modules/node/package.json'), JSON.stringify({ version }));
  writeFileSync(path.join(bin, 'node'), `#!/bin/sh\nunset PRETEND\nPINNED=1 exec "${process.execPath}" "$@"\n`);
  chmodSync(path.join(bin, 'node'), 0o755);
}

function start(args: readonly string[], nodeVersion: string | undefined, file = shim): ChildProcessWithoutNullStreams {
  const env: NodeJS.ProcessEnv = { ...process.env, PRETEND: nodeVersion };
  if (nodeVersion === undefined) delete env['PRETEND'];
  return spawn(process.execPath, [file, ...args], { env });
}

interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function ending(child: ChildProcessWithoutNullStreams): Promise<Ending> {
  const [[code, signal], stdout, stderr] = await Promise.all([
    once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>,
    text(child.stdout),
    text(child.stderr),
  ]);
  return { code, signal, stdout, stderr };
}

describe('on a Node that is new enough', () => {
  it('the build runs in the same process, also through the link that npm makes', async () => {
    build("console.log(process.pid, process.argv.slice(2).join(' '), process.env.PINNED); process.exitCode = 4;");
    const link = path.join(tree, 'command');
    symlinkSync(shim, link);
    const child = start(['a', 'b c'], undefined, link);
    const { pid } = child;
    expect(await ending(child)).toMatchObject({ code: 4, stdout: `${pid} a b c undefined\n` });
  });

  it('a missing build is named together with the command that makes it', async () => {
    const { code, stdout, stderr } = await ending(start([], undefined));
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain(path.join(tree, 'packages/server/dist/main.js'));
    expect(stderr).toContain(`Run "npm run build" in ${tree} first.`);
  });
});

describe('on an older Node', () => {
  it('the pinned one runs the same command, with its input, arguments, output and exit code', async () => {
    pin('24.1.0');
    build(`process.stdin.on('data', (chunk) => process.stdout.write(chunk));
process.stdin.on('end', () => { console.error(JSON.stringify(process.argv.slice(2)), process.env.PINNED); process.exitCode = 7; });`);
    const child = start(['submit', 'a b', '--json', ''], '20.20.2');
    child.stdin.end('prompts\n');
    expect(await ending(child)).toEqual({
      code: 7,
      signal: null,
      stdout: 'prompts\n',
      stderr: '["submit","a b","--json",""] 1\n',
    });
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    '%s reaches the command, which decides how to end',
    async (signal) => {
      pin('24.1.0');
      build(`process.on('${signal}', () => { console.log('draining'); process.exit(3); });
setInterval(() => {}, 1000); console.log('ready');`);
      const child = start([], '20.20.2');
      const ended = ending(child);
      await once(child.stdout, 'data');
      child.kill(signal);
      expect(await ended).toMatchObject({ code: 3, signal: null, stdout: 'ready\ndraining\n' });
    },
  );

  it('a command that dies by a signal is seen to have died by it', async () => {
    pin('24.1.0');
    build("process.kill(process.pid, 'SIGKILL');");
    expect(await ending(start([], '20.20.2'))).toMatchObject({ code: null, signal: 'SIGKILL' });
  });

  it.each([
    ['there is no other', undefined],
    ['the pinned one is too old as well', '22.18.0'],
  ])('it says what is needed when %s', async (_, version) => {
    if (version !== undefined) pin(version);
    build("console.log('ran');");
    const { code, stdout, stderr } = await ending(start([], '20.20.2'));
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(`command needs Node.js ${NODE_FLOOR} or newer; this is 20.20.2`);
  });
});

describe('the floor', () => {
  it.each([
    ['22.19.0', true],
    ['22.19.1', true],
    ['22.20.0', true],
    ['24.0.0', true],
    ['100.0.0', true],
    ['22.18.9', false],
    ['20.99.99', false],
    ['24.0.0-nightly2026', true],
  ])('%s: %s', (version, expected) => {
    expect(isAtLeast(version, NODE_FLOOR)).toBe(expected);
  });

  it('is the one that every package.json declares', () => {
    for (const folder of ['.', 'packages/server', 'packages/cli', 'packages/sdk']) {
      const { engines } = JSON.parse(readFileSync(path.join(root, folder, 'package.json'), 'utf8')) as {
        engines: { node: string };
      };
      expect([folder, `${engines.node}.0`]).toEqual([folder, `>=${NODE_FLOOR}`]);
    }
  });
});

describe('the two packages', () => {
  it('ship the same launcher', () => {
    const ofCli = readFileSync(path.join(root, 'packages/cli/bin/launch.js'), 'utf8');
    expect(ofCli).toBe(readFileSync(path.join(root, 'packages/server/bin/launch.js'), 'utf8'));
  });
});
