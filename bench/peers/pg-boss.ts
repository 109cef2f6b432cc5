/**
 * The contender pg-boss: no-op jobs, fetched and completed in batches by two loops, the fastest of its interfaces here.
 * Started by `engine.ts`.
 */
import pg from 'pg';
import { PgBoss } from 'pg-boss';
import { measured, type Contender } from '../engine-measured.ts';

export interface PgBossSettings {
  readonly url: string;
  readonly jobs: number;
  readonly batchSize: number;
}

const QUEUE = 'noop';
const LOOPS = 2;
const ROWS_PER_INSERT = 10_000;

function createBoss(url: string): PgBoss {
  // Nothing beside the jobs: no schedules, no maintenance.
  const boss = new PgBoss({ connectionString: url, supervise: false, schedule: false, max: 4 });
  boss.on('error', (error) => console.error(error));
  return boss;
}

/** Creates the schema when it is missing, and adds jobs. */
export async function seedPgBoss(url: string, jobs: number): Promise<void> {
  const boss = createBoss(url);
  await boss.start();
  await boss.createQueue(QUEUE);
  for (let at = 0; at < jobs; at += ROWS_PER_INSERT) {
    const rows = Math.min(ROWS_PER_INSERT, jobs - at);
    await boss.insert(
      QUEUE,
      Array.from({ length: rows }, (_, n) => ({ data: { n: at + n } })),
    );
  }
  await boss.stop({ graceful: false });
}

/** Adds jobs that are finished and still kept, as pg-boss does for a week unless told otherwise. */
export async function seedPgBossHistory(url: string, finished: number): Promise<void> {
  await seedPgBoss(url, 0);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('SET synchronous_commit = off');
  await client.query('SET session_replication_role = replica');
  await client.query(
    `INSERT INTO pgboss.job (name, data, state, created_on, started_on, completed_on, policy)
     SELECT q.name, jsonb_build_object('n', n), 'completed', now() - interval '1 hour', now() - interval '1 hour',
       now() - interval '1 hour', q.policy
     FROM pgboss.queue q, generate_series(1, $1::integer) n WHERE q.name = $2`,
    [finished, QUEUE],
  );
  await client.end();
}

async function prepare(settings: PgBossSettings): Promise<Contender<{ done: number }>> {
  const boss = createBoss(settings.url);
  await boss.start();
  let done = 0;
  const loop = async (): Promise<void> => {
    for (;;) {
      const jobs = await boss.fetch(QUEUE, {
        batchSize: settings.batchSize,
        priority: false,
        orderByCreatedOn: false,
      });
      if (jobs.length === 0) return;
      await boss.complete(
        QUEUE,
        jobs.map((job) => job.id),
      );
      done += jobs.length;
    }
  };
  return {
    async run() {
      await Promise.all(Array.from({ length: LOOPS }, loop));
      if (done !== settings.jobs) throw new Error(`pg-boss completed ${done} of ${settings.jobs} jobs`);
      return { done };
    },
    close: () => boss.stop({ graceful: false }),
  };
}

if (import.meta.main) await measured(prepare);
