import type { RoomSchema } from '../../db/index.ts';
import { tables } from './0001_tables.ts';
import { announceLowCredits } from './announce-low-credits.ts';
import { appendEntry } from './append-entry.ts';
import { entryFromBucket, entryToBucket } from './entry-buckets.ts';
import { freezeCreditsForBatch } from './freeze-credits-for-batch.ts';
import { issueCredits } from './issue-credits.ts';
import { ledgerViolations } from './ledger-violations.ts';
import { numberEvents } from './number-events.ts';
import { openAccount } from './open-account.ts';
import { reverseEntry } from './reverse-entry.ts';
import { revokeCredits } from './revoke-credits.ts';
import { settleDebt } from './settle-debt.ts';

export { MOVE_BALANCES, POST_ENTRIES } from './settlement.ts';

/**
 * Credits: the only SQL that writes credit_accounts, credit_ledger and credit_holds. Locks are taken in one order everywhere:
 * account rows by id, then holds, then the rest; the account row in a statement of its own, so that what follows sees
 * everything committed before the lock was granted.
 */
export const schema: RoomSchema = {
  name: 'ledger',
  after: ['db', 'accounts', 'batches'],
  migrations: [tables],
  tables: {
    credit_accounts: 'functions',
    credit_ledger: 'functions',
    credit_holds: 'functions',
    credit_revocations: 'functions',
  },
  views: [ledgerViolations],
  functions: [
    entryFromBucket,
    entryToBucket,
    appendEntry,
    numberEvents,
    announceLowCredits,
    openAccount,
    freezeCreditsForBatch,
    settleDebt,
    revokeCredits,
    issueCredits,
    reverseEntry,
  ],
};
