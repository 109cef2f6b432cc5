/**
 * Every command of rushes-server, with the module that carries it out. Nothing here loads such a module before its command
 * is asked for: an overview of the commands takes no longer than starting Node.
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
  /** As typed, for instance `account create`. */
  readonly name: string;
  readonly summary: string;
  readonly load: Load;
}

export const CATALOGUE: readonly CatalogueEntry[] = [
  {
    name: 'start',
    summary: 'Runs the server until it is told to stop (SIGINT or SIGTERM), then ends what it began and closes.',
    load: start,
  },
  {
    name: 'migrate',
    summary: 'Brings the database to the schema of this version. Safe at any time, from several machines at once.',
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
    summary: 'Gives an account credits that were not paid for: a pilot, a bonus, a compensation.',
    load: credit,
  },
  {
    name: 'account purchase',
    summary: 'Books credits that were paid for; debts of the account are settled first.',
    load: credit,
  },
  { name: 'account reverse', summary: 'Gives back what a charge or a forfeit took, in part or whole.', load: credit },
  {
    name: 'account revoke',
    summary: 'Takes credits back whose payment was refunded; what is not available becomes a debt of the account.',
    load: credit,
  },
  {
    name: 'account set-terms',
    summary: 'Sets what becomes of the credits of tasks that fail, for batches created from now on.',
    load: credit,
  },
  {
    name: 'account unblock',
    summary: 'Lets an account create batches again that a violation of the ledger had blocked.',
    load: credit,
  },
  {
    name: 'operator-key create',
    summary: 'Makes a key for the routes under /admin/v1. Whoever has it can issue credits: one per person.',
    load: credit,
  },
  { name: 'operator-key disable', summary: 'Refuses every further request with an operator key.', load: credit },
  {
    name: 'ledger check',
    summary:
      'Checks every invariant and every checkpoint of the ledger, and charges against generations; prints each violation and exits with 1 if there is one.',
    load: ledger,
  },
  {
    name: 'ledger new-epoch',
    summary: 'After a restore to an earlier time: begins a new tree for an account, announced to the customer.',
    load: ledger,
  },
  {
    name: 'ledger rotate-key',
    summary: 'Signs checkpoints with a new key from now on; the old one stays published and signs nothing more.',
    load: ledger,
  },
  {
    name: 'operator events',
    summary:
      'Lists what operators had to be told, the newest first: violations, quarantined accounts, routes without a worker.',
    load: event,
  },
  { name: 'key create', summary: 'Makes another API key for an account.', load: key },
  { name: 'key disable', summary: 'Refuses every further request with a key.', load: key },
  {
    name: 'simulator',
    summary: 'Runs the simulated upstream by itself; GRSAI_BASE_URL of a server can point at it.',
    load: upstream,
  },
  {
    name: 'upstream report',
    summary:
      'Lists submissions whose fate the upstream never told (possibly duplicated, at your cost), and sums of cost.',
    load: upstream,
  },
  {
    name: 'upstream costs',
    summary: 'Lists what a generation costs per route and model, and since when.',
    load: upstream,
  },
  {
    name: 'upstream set-cost',
    summary:
      'Sets what a generation costs you, from now or another time on; reports about earlier times keep their costs.',
    load: upstream,
  },
];

/** The whole command of an entry. */
export async function loadCommand(entry: CatalogueEntry, env: Environment, stop: () => AbortSignal): Promise<Command> {
  const body = (await entry.load(env, stop))[entry.name];
  if (body === undefined) throw new Error(`no module carries out "${entry.name}"`);
  return { name: entry.name, summary: entry.summary, ...body };
}
