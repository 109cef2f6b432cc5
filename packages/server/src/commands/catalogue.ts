/**
 * Every command of rushes-server, with the module that carries it out. A module is loaded only when its command runs,
 * so the overview of the commands is as fast as starting Node.
 */
import type { Environment } from '../config/index.ts';
import type { Command, CommandBodies } from './command.ts';

/** `stop` gives a signal that aborts when the operator wants the process to end; only commands that stay call it. */
type Load = (env: Environment, stop: () => AbortSignal) => Promise<CommandBodies>;

const start: Load = async (env, stop) => (await import('./start-command.ts')).startCommand(env, stop);
const database: Load = async (env) => (await import('./database-commands.ts')).databaseCommands(env);
const account: Load = async (env) => (await import('./account-commands.ts')).accountCommands(env);
const credit: Load = async (env) => (await import('./credit-commands.ts')).creditCommands(env);
const ledger: Load = async (env) => (await import('./ledger-commands.ts')).ledgerCommands(env);
const event: Load = async (env) => (await import('./event-commands.ts')).eventCommands(env);
const key: Load = async (env) => (await import('./key-commands.ts')).keyCommands(env);
const upstream: Load = async (env, stop) => (await import('./upstream-commands.ts')).upstreamCommands(env, stop);

interface CatalogueEntry {
  /** The words to type, for example `account create`. */
  readonly name: string;
  readonly summary: string;
  readonly load: Load;
}

export const CATALOGUE: readonly CatalogueEntry[] = [
  {
    name: 'start',
    summary: 'Runs the server until SIGINT or SIGTERM; then it finishes open work and stops.',
    load: start,
  },
  {
    name: 'migrate',
    summary:
      'Updates the database to the schema of this version. Safe at any time, also from several machines at once.',
    load: database,
  },
  {
    name: 'account create',
    summary: 'Opens an account with an API key of every scope, and grants it credits.',
    load: account,
  },
  { name: 'account list', summary: 'Lists every account.', load: account },
  { name: 'account show', summary: 'Shows one account with its keys and credits.', load: account },
  {
    name: 'account terminate',
    summary: 'Disables every key of an account that can write. Running batches finish; credits and results stay.',
    load: account,
  },
  {
    name: 'account grant',
    summary: 'Gives an account credits that were not paid for, such as a pilot, a bonus or a compensation.',
    load: credit,
  },
  {
    name: 'account purchase',
    summary: 'Adds credits that were paid for; they pay a debt of the account first.',
    load: credit,
  },
  {
    name: 'account reverse',
    summary: 'Gives back the credits of a charge or a forfeit, in part or completely.',
    load: credit,
  },
  {
    name: 'account revoke',
    summary:
      'Takes back credits whose payment was refunded; credits that are not available become a debt of the account.',
    load: credit,
  },
  {
    name: 'account set-terms',
    summary: 'Sets what happens to the credits of failed tasks, for batches created from now on.',
    load: credit,
  },
  {
    name: 'account unblock',
    summary: 'Unblocks an account that was blocked because of a ledger violation; it can create batches again.',
    load: credit,
  },
  {
    name: 'operator-key create',
    summary: 'Creates a key for the routes under /admin/v1. The key can issue credits, so create one for each person.',
    load: credit,
  },
  {
    name: 'operator-key disable',
    summary: 'Disables an operator key: every further request with it is refused.',
    load: credit,
  },
  {
    name: 'ledger check',
    summary:
      'Checks every invariant and checkpoint of the ledger, and compares charges with generations. Prints each violation; the exit code is 1 if there is one.',
    load: ledger,
  },
  {
    name: 'ledger new-epoch',
    summary: 'Begins a new tree for an account after the database was restored from a backup; the customer is told.',
    load: ledger,
  },
  {
    name: 'ledger rotate-key',
    summary:
      'Creates a new key that signs checkpoints from now on; the old key stays published but signs nothing more.',
    load: ledger,
  },
  {
    name: 'operator events',
    summary: 'Lists the events for operators, newest first: violations, quarantined accounts, routes without a worker.',
    load: event,
  },
  { name: 'key create', summary: 'Creates another API key for an account.', load: key },
  { name: 'key disable', summary: 'Disables an API key: every further request with it is refused.', load: key },
  {
    name: 'simulator',
    summary: 'Runs only the simulated upstream; set GRSAI_BASE_URL of a server to its address to use it.',
    load: upstream,
  },
  {
    name: 'upstream report',
    summary:
      'Lists submissions whose outcome the upstream never reported (possible duplicates, at your cost), and sums of cost.',
    load: upstream,
  },
  {
    name: 'upstream costs',
    summary: 'Lists the cost of a generation per route and model, and since when it applies.',
    load: upstream,
  },
  {
    name: 'upstream set-cost',
    summary:
      'Sets the cost of a generation, from now or another time on; reports about earlier times keep their costs.',
    load: upstream,
  },
];

/** Loads the command of an entry. */
export async function loadCommand(entry: CatalogueEntry, env: Environment, stop: () => AbortSignal): Promise<Command> {
  const body = (await entry.load(env, stop))[entry.name];
  if (body === undefined) throw new Error(`no module carries out "${entry.name}"`);
  return { name: entry.name, summary: entry.summary, ...body };
}
