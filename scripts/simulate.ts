/**
 * `npm run simulate -- --seed N --histories M`: whole histories from a seed, over the real code and a PostgreSQL of its own.
 * The same seed is the same history, step by step; one that breaks a promise ends with what replays it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { openEmbeddedPostgres } from '../packages/server/src/postgres/open.ts';
import { migrate } from '../packages/server/src/schema/index.ts';
import { GUARDS, kindOf, openSimulation, type HistoryReport } from '../packages/simulation/src/index.ts';
import { createLogger } from '../packages/server/src/system/index.ts';

const USAGE = `npm run simulate -- [--seed N] [--histories M] [--first] [--trace LINES] [--without GUARD] [--only KIND]

  --seed       the first history's seed; the others follow it (default 1)
  --histories  how many (default 100)
  --first      stop at the first history that fails
  --trace      show the last LINES steps of each history, whether it failed or not
  --without    take a guard out of the SQL functions of this run's database, to see the histories notice; one of
               ${Object.keys(GUARDS).join(', ')}
  --only       leave out the seeds of other kinds than this: ordinary, poisoned, comeback, crowd or clash`;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    histories: { type: 'string', default: '100' },
    trace: { type: 'string', default: '0' },
    first: { type: 'boolean', default: false },
    without: { type: 'string' },
    only: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new Error(`--${name} is a whole number, not ${text}\n\n${USAGE}`);
  return value;
}

/** Steps that came to pass, most often first. */
function total(reports: readonly HistoryReport[]): readonly (readonly [string, number])[] {
  const sums = new Map<string, number>();
  for (const { struck } of reports) {
    for (const [fault, times] of struck) sums.set(fault, (sums.get(fault) ?? 0) + times);
  }
  return [...sums].sort(([, a], [, b]) => b - a);
}

function tell(report: HistoryReport, traceLines: number): void {
  const { seed, kind, violations, tail, digest, steps, virtualMs, tasks, generations } = report;
  if (violations.length > 0) {
    console.log(`\nseed ${seed} (${kind}) FAILED after ${steps} steps:`);
    for (const violation of violations) console.log(`  ${violation}`);
    console.log(`  the last steps:\n    ${tail.slice(-Math.max(traceLines, 40)).join('\n    ')}`);
    console.log(`  to replay it: npm run simulate -- --seed ${seed} --histories 1 --trace 200\n`);
  } else if (traceLines > 0) {
    const seconds = Math.round(virtualMs / 1_000);
    console.log(
      `seed ${seed} (${kind}): ${tasks} tasks, ${generations} generations, ${steps} steps, ${seconds} s, trace ${digest}`,
    );
    console.log(`    ${tail.slice(-traceLines).join('\n    ')}`);
  }
}

async function main(): Promise<void> {
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const first = wholeNumber('seed', values.seed);
  const count = wholeNumber('histories', values.histories);
  const traceLines = wholeNumber('trace', values.trace);
  const dataDir = mkdtempSync(path.join(tmpdir(), 'rushes-simulation-'));
  const postgres = await openEmbeddedPostgres({ dataDir, logger: createLogger('error') });
  try {
    await migrate({ migrationUrl: postgres.adminUrl, applicationUrl: postgres.appUrl });
    const simulation = await openSimulation(postgres, values.without === undefined ? {} : { without: values.without });
    const began = performance.now();
    const reports: HistoryReport[] = [];
    for (let seed = first; seed < first + count; seed += 1) {
      if (values.only !== undefined && values.only !== kindOf(seed)) continue;
      const report = await simulation.run(seed, { keepTail: traceLines > 0 });
      reports.push(report);
      tell(report, traceLines);
      if (values.first && report.violations.length > 0) break;
    }
    await simulation.close();
    const failed = reports.filter(({ violations }) => violations.length > 0);
    const sum = (of: (report: HistoryReport) => number): number => reports.reduce((all, report) => all + of(report), 0);
    const { user, system } = process.cpuUsage();
    console.log(
      `${reports.length} histories from seed ${first}: ${sum(({ tasks }) => tasks)} tasks, ${sum(({ generations }) => generations)} ` +
        `generations, ${sum(({ steps }) => steps)} steps, ${(sum(({ virtualMs }) => virtualMs) / 3_600_000).toFixed(1)} virtual hours ` +
        `in ${((performance.now() - began) / 1_000).toFixed(1)} s (this process: ${((user + system) / 1e6).toFixed(1)} CPU s)`,
    );
    console.log('faults, by the point they struck at:');
    for (const [fault, times] of total(reports)) console.log(`  ${String(times).padStart(6)}  ${fault}`);
    console.log(
      failed.length === 0 ? 'No promise was broken.' : `FAILED: seeds ${failed.map(({ seed }) => seed).join(', ')}`,
    );
    process.exitCode = failed.length === 0 ? 0 : 1;
  } finally {
    await postgres.close();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

await main();
