/** The flags of `engine.ts`. */
import { parseArgs } from 'node:util';

export const SECTIONS = ['speed', 'history', 'creation', 'small-batch', 'refunds'] as const;
export type Section = (typeof SECTIONS)[number];

export interface Options {
  readonly sections: ReadonlySet<Section>;
  readonly rounds: number;
  readonly tasks: number;
  readonly accounts: number;
  readonly smallBatchAccounts: number;
  readonly history: number;
  readonly concurrency: number;
  readonly slowConcurrency: number;
  readonly generationMs: number;
  readonly creations: number;
  readonly hugeBatchSize: number;
  readonly localQueueSizes: readonly number[];
  readonly withPeers: boolean;
  /** Where CPU profiles and statements go; null measures without them. */
  readonly profileDir: string | null;
}

const HELP = `node bench/engine.ts [flags]

  --quick               sizes for a look at the harness: under a minute, and no figure worth quoting
  --only=a,b            of ${SECTIONS.join(', ')}
  --rounds=5            repetitions; the median is shown with the smallest and the largest
  --tasks=100000        tasks (or jobs of the peers) in each run
  --accounts=10         accounts of the runs with batches of 1,000
  --small-accounts=1000 accounts of the runs with batches of 10
  --history=10000000    finished tasks of the runs on a full database
  --concurrency=2000    tasks in flight where the upstream answers at once
  --slow-concurrency=30000  tasks in flight where a generation takes its time
  --generation-ms=1000  that time
  --creations=9         repetitions of the creation of 10,000 items
  --huge-batch=10000    size of the ten batches that a small one is put beside
  --local-queues=2000,5000  sizes of graphile-worker's local queue, in turn; its better one counts
  --no-peers            our own runs only
  --profile=DIR         writes CPU profiles there and prints the costliest functions and statements; slows everything down
`;

/** Reads the command line; exits for --help and for what it does not know. */
export function readOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      help: { type: 'boolean' },
      quick: { type: 'boolean' },
      only: { type: 'string' },
      rounds: { type: 'string' },
      tasks: { type: 'string' },
      accounts: { type: 'string' },
      'small-accounts': { type: 'string' },
      history: { type: 'string' },
      concurrency: { type: 'string' },
      'slow-concurrency': { type: 'string' },
      'generation-ms': { type: 'string' },
      creations: { type: 'string' },
      'huge-batch': { type: 'string' },
      'local-queues': { type: 'string' },
      'no-peers': { type: 'boolean' },
      profile: { type: 'string' },
    },
  });
  if (values.help === true) {
    console.log(HELP);
    process.exit(0);
  }
  const quick = values.quick === true;
  const number = (name: string, given: string | undefined, whole: number, small: number): number => {
    if (given === undefined) return quick ? small : whole;
    const value = Number(given.replaceAll('_', ''));
    if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} takes a whole number, not ${given}`);
    return value;
  };
  const sections = values.only?.split(',') ?? [...SECTIONS];
  for (const section of sections) {
    if (!SECTIONS.some((known) => known === section)) throw new Error(`--only knows ${SECTIONS.join(', ')}`);
  }
  return {
    sections: new Set(sections as Section[]),
    rounds: number('rounds', values.rounds, 5, 1),
    tasks: number('tasks', values.tasks, 100_000, 5_000),
    accounts: number('accounts', values.accounts, 10, 5),
    smallBatchAccounts: number('small-accounts', values['small-accounts'], 1_000, 100),
    history: number('history', values.history, 10_000_000, 50_000),
    concurrency: number('concurrency', values.concurrency, 2_000, 2_000),
    slowConcurrency: number('slow-concurrency', values['slow-concurrency'], 30_000, 5_000),
    generationMs: number('generation-ms', values['generation-ms'], 1_000, 1_000),
    creations: number('creations', values.creations, 9, 2),
    hugeBatchSize: number('huge-batch', values['huge-batch'], 10_000, 2_000),
    localQueueSizes: (values['local-queues'] ?? (quick ? '2000' : '2000,5000')).split(',').map(Number),
    withPeers: values['no-peers'] !== true,
    profileDir: values.profile ?? null,
  };
}
