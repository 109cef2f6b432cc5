/**
 * The measured process's side of `engine.ts`: it prepares, says so, waits for the word, runs, and tells what it took. Each
 * contender runs in a process of its own, so that none inherits another's heap or compiled code.
 */

/** What the measuring process learns of a run. `report` is the contender's own. */
export interface Outcome<R = unknown> {
  readonly kind: 'done';
  /** From the word to the last task's commit as the contender's own process sees it. */
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly residentMiB: number;
  readonly report: R;
}

export interface Contender<R> {
  /** Timed. `stop` aborts when the measuring process has seen enough. */
  run(stop: AbortSignal): Promise<R>;
  /** Not timed. */
  close(): Promise<void>;
}

/** Runs a contender whose settings are the first argument of its process, as JSON. */
export async function measured<S, R>(prepare: (settings: S) => Promise<Contender<R>>): Promise<void> {
  const stop = new AbortController();
  const word = new Promise<void>((resolve) => {
    process.on('message', (message) => {
      if (message === 'go') resolve();
      if (message === 'stop') stop.abort();
    });
  });
  // Nobody measures any more.
  process.on('disconnect', () => process.exit(1));
  const contender = await prepare(JSON.parse(process.argv[2] ?? '{}') as S);
  await tell('ready');
  await word;
  const cpuBefore = process.cpuUsage();
  const startedMs = performance.now();
  const report = await contender.run(stop.signal);
  const seconds = (performance.now() - startedMs) / 1_000;
  const cpu = process.cpuUsage(cpuBefore);
  const outcome: Outcome<R> = {
    kind: 'done',
    seconds,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    residentMiB: process.resourceUsage().maxRSS / 1024,
    report,
  };
  await tell(outcome);
  await contender.close();
  process.exit(0);
}

function tell(message: unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(message, (error: Error | null) => (error === null ? resolve() : reject(error)));
  });
}
