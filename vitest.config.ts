import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { join } from 'node:path';

/** Runs one history after another for minutes; begun last, it would keep one core idle for as long. */
const LONGEST = /\/simulation\.test\.ts$/;

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return [
      ...sorted.filter(({ moduleId }) => LONGEST.test(moduleId)),
      ...sorted.filter(({ moduleId }) => !LONGEST.test(moduleId)),
    ];
  }
}

/** Set by `.ci/run`, which needs the counts in a file. */
const reportDir = process.env.TEST_REPORT_DIR;

export default defineConfig({
  test: {
    // Two processes keep two cores busy; more only make the timeouts of real servers and databases tighter.
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    reporters: reportDir === undefined ? ['default'] : ['default', 'json'],
    ...(reportDir === undefined ? {} : { outputFile: { json: join(reportDir, 'vitest.json') } }),
    projects: [
      {
        extends: true,
        test: {
          name: 'server',
          include: ['packages/{server,simulation}/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/dist/**'],
          globalSetup: ['packages/server/testing/postgres.global.ts'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'clients and tooling',
          include: ['packages/{contract,sdk,cli}/**/*.test.ts', 'examples/**/*.test.ts', 'scripts/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/dist/**'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
