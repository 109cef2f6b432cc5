/** The contender graphile-worker: no-op jobs, at the settings that were its fastest here. Started by `engine.ts`. */
import { Logger, makeWorkerUtils, run, type Runner, type RunnerOptions } from 'graphile-worker';
import pg from 'pg';
import { measured, type Contender } from '../engine-measured.ts';

export interface GraphileSettings {
  readonly url: string;
  readonly jobs: number;
  readonly localQueueSize: number;
}

const CONCURRENCY = 24;
const LOOK_INTERVAL_MS = 10;
const errorsOnly = new Logger(() => (level, message) => {
  if (level === 'error') console.error(message);
});

/** Creates the schema and the jobs. */
export async function seedGraphile(url: string, jobs: number): Promise<void> {
  const utils = await makeWorkerUtils({ connectionString: url });
  await utils.migrate();
  await utils.release();
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  // Set-based through its own SQL interface, as its documentation has it for many jobs at once.
  await client.query(
    `SELECT graphile_worker.add_jobs(array(
       SELECT json_populate_record(null::graphile_worker.job_spec,
         json_build_object('identifier', 'noop', 'payload', json_build_object('n', n)))
       FROM generate_series(1, $1::integer) n))`,
    [jobs],
  );
  await client.end();
}

async function prepare(settings: GraphileSettings): Promise<Contender<{ done: number }>> {
  const watch = new pg.Client({ connectionString: settings.url });
  await watch.connect();
  let runner: Runner | null = null;
  let done = 0;
  const options: RunnerOptions = {
    connectionString: settings.url,
    noHandleSignals: true,
    taskList: {
      noop: () => {
        done += 1;
      },
    },
    preset: {
      worker: {
        concurrentJobs: CONCURRENCY,
        maxPoolSize: CONCURRENCY,
        localQueue: { size: settings.localQueueSize },
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0,
        logger: errorsOnly,
      },
    },
  };
  return {
    async run() {
      runner = await run(options);
      for (;;) {
        await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL_MS));
        if (done < settings.jobs) continue;
        // Finished jobs are deleted.
        const { rowCount } = await watch.query('SELECT 1 FROM graphile_worker._private_jobs LIMIT 1');
        if (rowCount === 0) return { done };
      }
    },
    async close() {
      await runner?.stop();
      await watch.end();
    },
  };
}

if (import.meta.main) await measured(prepare);
