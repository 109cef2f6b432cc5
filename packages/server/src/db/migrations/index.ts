import { clock } from './0001_clock.ts';
import { accounts } from './0002_accounts.ts';
import { ledger } from './0003_ledger.ts';
import { batches } from './0004_batches.ts';
import { dispatch } from './0005_dispatch.ts';
import { events } from './0006_events.ts';
import { hotPath } from './0009_hot_path.ts';
import { generations } from './0010_generations.ts';
import { ledgerChecks } from './0011_ledger_checks.ts';
import { unsettledTasks } from './0012_unsettled_tasks.ts';
import { lowCredits } from './0014_low_credits.ts';
import { webhookHealth } from './0020_webhook_health.ts';
import { corrections } from './0007_corrections.ts';
import { sealing } from './0008_sealing.ts';

export interface Migration {
  readonly name: string;
  readonly sql: string;
}

/** Forward only, in this order. A static list, since a bundle has no folder to read migrations from. */
export const MIGRATIONS: readonly Migration[] = [
  clock,
  accounts,
  ledger,
  batches,
  dispatch,
  events,
  corrections,
  sealing,
  hotPath,
  generations,
  ledgerChecks,
  unsettledTasks,
  lowCredits,
  webhookHealth,
];
