import type { Migration } from '../../db/index.ts';
import { entryFromBucket, entryToBucket } from './entry-buckets.ts';

export const tables: Migration = {
  name: '0001_tables',
  sql: /* sql */ `
CREATE TABLE credit_accounts (
  account_id uuid PRIMARY KEY REFERENCES accounts,
  available bigint NOT NULL DEFAULT 0 CHECK (available >= 0),
  reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
  spent bigint NOT NULL DEFAULT 0 CHECK (spent >= 0),
  -- 2^53 - 1: every amount stays an exact number in JSON.
  issued bigint NOT NULL DEFAULT 0 CHECK (issued BETWEEN 0 AND 9007199254740991),
  debt bigint NOT NULL DEFAULT 0 CHECK (debt >= 0),
  last_seq bigint NOT NULL DEFAULT 0 CHECK (last_seq >= 0),
  last_entry_at timestamptz NOT NULL DEFAULT '-infinity',
  last_event_seq bigint NOT NULL DEFAULT 0 CHECK (last_event_seq >= 0),
  CHECK (available + reserved + spent = issued)
) WITH (fillfactor = 20);
COMMENT ON TABLE credit_accounts IS 'The balances of each account. Only a transaction that has locked the row may number the account''s entries and events.';
COMMENT ON COLUMN credit_accounts.issued IS 'Credits from purchases and grants, minus revoked credits.';
COMMENT ON COLUMN credit_accounts.debt IS 'Credits that revocations could not take yet. A debt blocks new reservations.';
COMMENT ON COLUMN credit_accounts.last_seq IS 'The number of the account''s last ledger entry.';
COMMENT ON COLUMN credit_accounts.last_entry_at IS 'Time of the last entry. A later entry never has an earlier time.';
COMMENT ON COLUMN credit_accounts.last_event_seq IS 'The number of the account''s last event.';

${entryFromBucket.sql}
${entryToBucket.sql}
-- Rows come in from functions alone, which hold the account row locked. A foreign key to it would cost as much as the
-- insertion: 4.5 microseconds an entry. ledger_violations looks for entries without an account.
CREATE TABLE credit_ledger (
  account_id uuid NOT NULL,
  seq bigint NOT NULL CHECK (seq > 0),
  kind text NOT NULL,
  from_bucket text NOT NULL,
  to_bucket text NOT NULL,
  amount bigint NOT NULL CHECK (amount > 0),
  available_after bigint NOT NULL CHECK (available_after >= 0),
  reserved_after bigint NOT NULL CHECK (reserved_after >= 0),
  spent_after bigint NOT NULL CHECK (spent_after >= 0),
  batch_id uuid,
  task_index integer,
  reverses_seq bigint,
  reason text,
  reference text,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, seq),
  -- A kind that is not known has no buckets, and is refused.
  CHECK (from_bucket IS NOT DISTINCT FROM entry_from_bucket(kind)
    AND to_bucket IS NOT DISTINCT FROM entry_to_bucket(kind)),
  CHECK ((kind IN ('reserve', 'charge', 'refund', 'forfeit')) = (batch_id IS NOT NULL)),
  CHECK ((kind IN ('charge', 'refund', 'forfeit')) = (task_index IS NOT NULL)),
  CHECK ((kind = 'reversal') = (reverses_seq IS NOT NULL)),
  CHECK (reverses_seq < seq),
  CHECK (kind NOT IN ('purchase', 'grant', 'reversal', 'revoke') OR (reason IS NOT NULL AND reference IS NOT NULL)),
  CHECK (kind <> 'forfeit' OR reason IS NOT NULL)
);
CREATE UNIQUE INDEX credit_ledger_one_reserve_per_batch ON credit_ledger (account_id, batch_id)
  WHERE kind = 'reserve';
CREATE UNIQUE INDEX credit_ledger_one_resolution_per_task ON credit_ledger (account_id, batch_id, task_index)
  WHERE kind IN ('charge', 'refund', 'forfeit');
CREATE UNIQUE INDEX credit_ledger_one_issue_per_reference ON credit_ledger (account_id, reference)
  WHERE kind IN ('purchase', 'grant');
CREATE UNIQUE INDEX credit_ledger_one_reversal_per_reference ON credit_ledger (account_id, reference)
  WHERE kind = 'reversal';
CREATE INDEX credit_ledger_reversals ON credit_ledger (account_id, reverses_seq) WHERE kind = 'reversal';

-- A statement trigger fires for TRUNCATE and for changes that match no row, and costs an INSERT nothing.
CREATE TRIGGER credit_ledger_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON credit_ledger
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- A partition or inheritance child is reached by row triggers only.
CREATE TRIGGER credit_ledger_rows_are_append_only BEFORE UPDATE OR DELETE ON credit_ledger
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
COMMENT ON TABLE credit_ledger IS
  'Every movement of credits, kept for ever: amount goes from from_bucket to to_bucket. Numbered without gaps per account.';
COMMENT ON COLUMN credit_ledger.reverses_seq IS 'The charge or forfeit that a reversal gives back, completely or in part.';
COMMENT ON COLUMN credit_ledger.reference IS 'The payment, ticket or other document that is the reason for the entry.';
COMMENT ON COLUMN credit_ledger.available_after IS 'Available credits after this entry. reserved_after and spent_after are the other balances.';

CREATE TABLE credit_holds (
  account_id uuid NOT NULL,
  batch_id uuid NOT NULL,
  amount bigint NOT NULL CHECK (amount > 0),
  charged bigint NOT NULL DEFAULT 0 CHECK (charged >= 0),
  refunded bigint NOT NULL DEFAULT 0 CHECK (refunded >= 0),
  forfeited bigint NOT NULL DEFAULT 0 CHECK (forfeited >= 0),
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed')),
  PRIMARY KEY (account_id, batch_id),
  FOREIGN KEY (account_id, batch_id) REFERENCES batches,
  CHECK (charged + refunded + forfeited <= amount),
  CHECK (state = 'open' OR charged + refunded + forfeited = amount)
) WITH (fillfactor = 50);
COMMENT ON TABLE credit_holds IS 'The credits that each batch reserved, and how they were used. Closed when every task is final.';

CREATE TABLE credit_revocations (
  account_id uuid NOT NULL REFERENCES credit_accounts,
  reference text NOT NULL CHECK (length(reference) BETWEEN 1 AND 200),
  position bigint NOT NULL CHECK (position > 0),
  amount bigint NOT NULL CHECK (amount > 0),
  revoked bigint NOT NULL CHECK (revoked >= 0),
  reason text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, reference),
  UNIQUE (account_id, position),
  CHECK (revoked <= amount)
);
COMMENT ON TABLE credit_revocations IS
  'Revocations. A revocation takes available credits at once; the rest is the account''s debt, and later purchases pay it. Its ledger entries have its reference.';
COMMENT ON COLUMN credit_revocations.position IS 'The order in which debts are settled.';
COMMENT ON COLUMN credit_revocations.revoked IS 'Credits that were taken so far; the rest of amount is debt.';
`,
};
