import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { runChecks, type Check } from './run-checks.ts';

const root = path.resolve(import.meta.dirname, '..');

function node(name: string, program: string): Check {
  return { name, command: process.execPath, args: ['-e', program] };
}

async function run(checks: readonly Check[], atOnce = 2): Promise<{ failed: string[]; text: string }> {
  let text = '';
  const failed = await runChecks(checks, { root, atOnce, write: (part) => (text += part) });
  return { failed, text };
}

describe('the check runner', () => {
  it('runs all checks and shows the output of every failed one', async () => {
    const { failed, text } = await run([
      node('first', "console.error('first is broken'); process.exit(2)"),
      node('second', "console.log('not of interest')"),
      node('third', "console.log('third is broken'); process.exit(1)"),
    ]);
    expect(failed.sort()).toEqual(['first', 'third']);
    expect(text).toMatch(/^first +failed +\d+\.\d s$/m);
    expect(text).toMatch(/^second +ok +\d+\.\d s$/m);
    expect(text).toContain('--- first\nfirst is broken\n');
    expect(text).toContain('--- third\nthird is broken\n');
    expect(text).not.toContain('not of interest');
  });

  it('counts a check that cannot start, is killed or says nothing as failed, and says which', async () => {
    const { failed, text } = await run([
      { name: 'missing', command: 'no-such-command', args: [] },
      node('killed', "process.kill(process.pid, 'SIGKILL')"),
      node('silent', 'process.exit(3)'),
    ]);
    expect(failed.sort()).toEqual(['killed', 'missing', 'silent']);
    expect(text).toContain('could not start no-such-command');
    expect(text).toContain('by SIGKILL');
    expect(text).toContain('with code 3');
  });

  it('starts no more at once than it may', async () => {
    // With one at a time the second begins after the first has ended, however long that takes.
    const stamp = 'process.stderr.write(`${process.hrtime.bigint()}\\n`);';
    const { text } = await run(
      [
        node('one', `${stamp} setTimeout(() => { ${stamp} process.exit(1) }, 50)`),
        node('two', `${stamp} process.exit(1)`),
      ],
      1,
    );
    const [oneStart, oneEnd, twoStart] = [...text.matchAll(/^(\d{6,})$/gm)].map(([, digits]) => BigInt(digits!));
    expect(oneStart! < oneEnd!).toBe(true);
    expect(oneEnd! < twoStart!).toBe(true);
  });
});
