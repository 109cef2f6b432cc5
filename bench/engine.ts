/**
 * The execution engine, measured end to end and with money: the real worker over a real PostgreSQL (fsync on) against
 * graphile-worker's and pg-boss's no-op jobs at their best settings on the same PostgreSQL, every contender in a process
 * of its own, interleaved in rounds; the same on a database full of finished tasks; the creation of batches against COPY;
 * the wait of a small batch beside huge ones; the delay of refunds at full load.
 *
 *   node bench/engine.ts [--quick] [--help]
 *
 * Installs the peers in bench/ when they are missing. A figure whose books do not add up afterwards is thrown away.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { startCluster } from './engine-cluster.ts';
import { compareCreation } from './engine-creation.ts';
import { readOptions } from './engine-options.ts';
import { compareSpeed } from './engine-speed.ts';
import { measureRefunds } from './engine-refunds.ts';
import { measureSmallBatch } from './engine-small-batch.ts';

const PEERS = ['graphile-worker', 'pg-boss', 'pg', 'pg-copy-streams'];

const options = readOptions(process.argv.slice(2));
if (!PEERS.every((peer) => existsSync(new URL(`node_modules/${peer}`, import.meta.url)))) {
  const installed = spawnSync('npm', ['install', '--no-package-lock', '--no-fund', '--no-audit'], {
    cwd: import.meta.dirname,
    stdio: 'inherit',
  });
  if (installed.status !== 0) throw new Error('the peers could not be installed in bench/');
}
if (options.profileDir !== null) mkdirSync(options.profileDir, { recursive: true });

const cluster = await startCluster(options.profileDir !== null);
try {
  console.log(
    `Node ${process.versions.node}, PostgreSQL ${cluster.version}, ${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), load ${loadavg()
      .map((load) => load.toFixed(2))
      .join(' ')}`,
  );
  await compareSpeed(cluster, options);
  if (options.sections.has('small-batch')) await measureSmallBatch(cluster, options);
  if (options.sections.has('refunds')) await measureRefunds(cluster, options);
} finally {
  await cluster.close();
}
// With a PostgreSQL and a server of its own.
if (options.sections.has('creation')) compareCreation(options);
