import { clock } from '../db/sql/0001_clock.ts';
import { accounts } from '../accounts/sql/0002_accounts.ts';
import { ledger } from '../ledger/sql/0003_ledger.ts';
import { batches } from '../batches/sql/0004_batches.ts';
import { dispatch } from '../worker/sql/0005_dispatch.ts';
import { events } from '../webhooks/sql/0006_events.ts';
import { hotPath } from '../worker/sql/0009_hot_path.ts';
import { generations } from '../generations/sql/0010_generations.ts';
import { ledgerChecks } from '../checking/sql/0011_ledger_checks.ts';
import { unsettledTasks } from '../worker/sql/0012_unsettled_tasks.ts';
import { lowCredits } from '../ledger/sql/0014_low_credits.ts';
import { webhookHealth } from '../webhooks/sql/0020_webhook_health.ts';
import { corrections } from '../ledger/sql/0007_corrections.ts';
import { sealing } from '../sealing/sql/0008_sealing.ts';

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
