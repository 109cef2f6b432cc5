/**
 * Functions and views, applied whole on every migration: each file states what is in force, so that a change shows as
 * a change. Tables are in migrations/.
 */
import { appendEvent } from '../webhooks/sql/append-event.ts';
import { attempts } from '../worker/sql/attempts.ts';
import { batchControl } from '../batches/sql/batch-control.ts';
import { callbacks } from '../generations/sql/callbacks.ts';
import { claimTasks } from '../worker/sql/claim-tasks.ts';
import { finalizeBatchCredits } from '../batches/sql/finalize-batch-credits.ts';
import { freezeCreditsForBatch } from '../ledger/sql/freeze-credits-for-batch.ts';
import { issueCredits } from '../ledger/sql/issue-credits.ts';
import { leases } from '../worker/sql/leases.ts';
import { ledgerViolations } from '../ledger/sql/ledger-violations.ts';
import { lowCredits } from '../ledger/sql/low-credits.ts';
import { openAccount } from '../ledger/sql/open-account.ts';
import { reverseEntry } from '../ledger/sql/reverse-entry.ts';
import { revokeCredits } from '../ledger/sql/revoke-credits.ts';
import { sealLedger } from '../sealing/sql/seal-ledger.ts';
import { settleTasks } from '../worker/sql/settle-tasks.ts';

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
