/**
 * Functions and views, applied whole on every migration: each file states what is in force, so that a change shows as
 * a change. Tables are in migrations/.
 */
import { appendEvent } from './append-event.ts';
import { attempts } from './attempts.ts';
import { batchControl } from './batch-control.ts';
import { callbacks } from './callbacks.ts';
import { claimTasks } from './claim-tasks.ts';
import { finalizeBatchCredits } from './finalize-batch-credits.ts';
import { freezeCreditsForBatch } from './freeze-credits-for-batch.ts';
import { issueCredits } from './issue-credits.ts';
import { leases } from './leases.ts';
import { ledgerViolations } from './ledger-violations.ts';
import { lowCredits } from './low-credits.ts';
import { openAccount } from './open-account.ts';
import { reverseEntry } from './reverse-entry.ts';
import { revokeCredits } from './revoke-credits.ts';
import { sealLedger } from './seal-ledger.ts';
import { settleTasks } from './settle-tasks.ts';

export const ROUTINES: readonly string[] = [
  openAccount,
  appendEvent,
  lowCredits,
  freezeCreditsForBatch,
  revokeCredits,
  issueCredits,
  reverseEntry,
  finalizeBatchCredits,
  settleTasks,
  batchControl,
  claimTasks,
  leases,
  attempts,
  callbacks,
  sealLedger,
  ledgerViolations,
];
