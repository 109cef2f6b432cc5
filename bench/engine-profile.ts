/** What a run's time was spent on: functions of its process by their own time, statements by their total. */
import { readFileSync } from 'node:fs';

/** The part of V8's CPU profile format that is read here (Chrome DevTools protocol, Profiler.Profile). */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const SHOWN_FUNCTIONS = 20;

export function printProfile(
  label: string,
  file: string,
  statements: readonly { totalMs: number; calls: number; query: string }[],
): void {
  const profile = JSON.parse(readFileSync(file, 'utf8')) as CpuProfile;
  const nodes = new Map(profile.nodes.map((node) => [node.id, node.callFrame]));
  const ownMs = new Map<string, number>();
  let totalMs = 0;
  for (const [at, id] of profile.samples.entries()) {
    const frame = nodes.get(id);
    if (frame === undefined || frame.functionName === '(idle)') continue;
    const place = frame.url === '' ? '' : ` ${frame.url.split('/').slice(-3).join('/')}:${frame.lineNumber + 1}`;
    const name = `${frame.functionName === '' ? '(anonymous)' : frame.functionName}${place}`;
    const ms = (profile.timeDeltas[at] ?? 0) / 1_000;
    ownMs.set(name, (ownMs.get(name) ?? 0) + ms);
    totalMs += ms;
  }
  console.log(`\n  ${label}: ${file}`);
  for (const [name, ms] of [...ownMs].toSorted((a, b) => b[1] - a[1]).slice(0, SHOWN_FUNCTIONS)) {
    console.log(`  ${ms.toFixed(0).padStart(7)} ms ${((100 * ms) / totalMs).toFixed(1).padStart(5)} %  ${name}`);
  }
  for (const statement of statements) {
    console.log(
      `  ${statement.totalMs.toFixed(0).padStart(7)} ms ${String(statement.calls).padStart(8)} calls  ${statement.query.slice(0, 150)}`,
    );
  }
}
