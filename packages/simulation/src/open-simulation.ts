import knex from 'knex';
import { takeOutGuard } from './guards.ts';
import { runHistory, type HistoryOptions, type HistoryReport } from './history.ts';
import { openConnections } from './sessions.ts';
import { pauseAtLocks, prepareDatabase } from './settable-database.ts';

/** Sessions of the simulated processes: what stands inside a transaction or a statement keeps one. */
const SESSIONS = 8;

export interface Simulation {
  run(seed: number, options?: HistoryOptions): Promise<HistoryReport>;
  close(): Promise<void>;
}

/**
 * Takes a migrated, empty database over for good: its clock is replaced, and its tables are emptied for each history.
 * `without` names a guard (guards.ts) that is taken out, to see that the histories notice.
 */
export async function openSimulation(
  urls: { readonly adminUrl: string; readonly appUrl: string },
  { without }: { readonly without?: string } = {},
): Promise<Simulation> {
  const connections = openConnections(urls.adminUrl, urls.appUrl, SESSIONS);
  const build = knex({ client: 'pg' });
  const prepared = await prepareDatabase(connections.control);
  if (without !== undefined) await takeOutGuard(connections.control, without);
  await pauseAtLocks(connections.control);
  return {
    run: (seed, options) => runHistory({ connections, ...prepared, build }, seed, options),
    async close() {
      await connections.close();
      await build.destroy();
      prepared.clock.remove();
    },
  };
}
