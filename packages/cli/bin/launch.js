/**
 * Runs a command's build on a Node that is new enough. Plain JavaScript of 2020, because it must run on an old Node
 * and before anything was built; the same file in packages/server and packages/cli, which a test holds equal.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Oldest Node that the builds run on; `engines` in package.json says the same. */
export const NODE_FLOOR = '22.19.0';

/** What the user can send that a command acts on. SIGKILL and SIGSTOP cannot be passed on. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'];

/**
 * @param {object} command
 * @param {string} command.name what the user typed, for messages
 * @param {string} command.shim `import.meta.url` of the shim
 * @param {string} command.build the program, relative to the shim
 * @param {string=} command.nodeVersion for tests
 * @returns {Promise<void>}
 */
export async function launch({ name, shim, build, nodeVersion = process.versions.node }) {
  const shimFile = realpathSync(fileURLToPath(shim));
  if (!isAtLeast(nodeVersion, NODE_FLOOR)) {
    const pinned = findPinnedNode(path.dirname(shimFile));
    if (pinned === null)
      fail(name, `needs Node.js ${NODE_FLOOR} or newer; this is ${nodeVersion} (${process.execPath}).`, [
        'Install a newer one (https://nodejs.org, or your version manager: .nvmrc names the version),',
        'or run "npm install" in the Rushes checkout, which brings its own.',
      ]);
    else runOn(name, pinned, shimFile);
    return;
  }
  const program = path.resolve(path.dirname(shimFile), build);
  if (!existsSync(program)) {
    fail(name, `is not built yet: ${program} is missing.`, [
      `Run "npm run build" in ${path.resolve(path.dirname(shimFile), '../../..')} first.`,
    ]);
    return;
  }
  await import(pathToFileURL(program).href);
}

/**
 * The binary of the npm package `node` of this folder or one above it, as npm lays them out.
 * @param {string} from
 * @returns {string | null}
 */
export function findPinnedNode(from) {
  for (let folder = from; ; folder = path.dirname(folder)) {
    const root = path.join(folder, 'node_modules', 'node');
    const binary = path.join(root, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
    if (existsSync(binary) && realpathSync(binary) !== realpathSync(process.execPath)) {
      const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
      if (isAtLeast(version, NODE_FLOOR)) return binary;
    }
    if (path.dirname(folder) === folder) return null;
  }
}

/**
 * @param {string} version
 * @param {string} floor
 * @returns {boolean}
 */
export function isAtLeast(version, floor) {
  const have = version.split('.').map((part) => Number.parseInt(part, 10));
  const need = floor.split('.').map((part) => Number.parseInt(part, 10));
  for (let at = 0; at < need.length; at += 1) {
    const difference = (have[at] ?? 0) - (need[at] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/**
 * Ends as the child ends: with its code, or by the signal that ended it.
 * @param {string} name
 * @param {string} node
 * @param {string} shimFile
 */
function runOn(name, node, shimFile) {
  const child = spawn(node, [...process.execArgv, shimFile, ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (!isSentByTerminal(signal)) child.kill(/** @type {NodeJS.Signals} */ (signal));
    });
  }
  child.on('error', (error) => fail(name, `could not start ${node}: ${error.message}.`, []));
  child.on('exit', (code, signal) => {
    if (signal === null) {
      process.exitCode = code ?? 1;
      return;
    }
    for (const each of SIGNALS) process.removeAllListeners(each);
    process.exitCode = 128 + constants.signals[signal];
    process.kill(process.pid, signal);
  });
}

/**
 * A terminal sends Ctrl-C to parent and child alike. Passed on as well, the child would take it for a second one,
 * which tells a server in the middle of its drain to stop at once.
 * @param {string} signal
 * @returns {boolean}
 */
function isSentByTerminal(signal) {
  const hasTerminal = [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY);
  return hasTerminal && (signal === 'SIGINT' || signal === 'SIGQUIT');
}

/**
 * @param {string} name
 * @param {string} problem
 * @param {string[]} advice
 */
function fail(name, problem, advice) {
  process.stderr.write([`${name} ${problem}`, ...advice, ''].join('\n'));
  process.exitCode = 1;
}
