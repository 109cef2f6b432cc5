import type { Migration } from '../../db/index.ts';

export const tables: Migration = {
  name: '0001_tables',
  sql: /* sql */ `
CREATE TABLE ledger_checks (
  started_at timestamptz PRIMARY KEY,
  finished_at timestamptz NOT NULL CHECK (finished_at >= started_at),
  accounts bigint NOT NULL CHECK (accounts >= 0),
  violations jsonb NOT NULL,
  reconciliation jsonb NOT NULL
);
COMMENT ON TABLE ledger_checks IS
  'What each check of the whole ledger found, so that whoever watches knows that there was one.';
COMMENT ON COLUMN ledger_checks.violations IS 'How many violations of each rule that was broken.';
COMMENT ON COLUMN ledger_checks.reconciliation IS 'Charges against generations of the time since the check before.';
`,
};
