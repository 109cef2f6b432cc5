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
  'The result of each check of the whole ledger. It also shows that the check ran.';
COMMENT ON COLUMN ledger_checks.violations IS 'Number of violations by broken rule.';
COMMENT ON COLUMN ledger_checks.reconciliation IS 'Comparison of charges and generations in the time since the previous check.';
`,
};
