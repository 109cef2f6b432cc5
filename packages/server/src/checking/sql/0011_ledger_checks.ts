export const ledgerChecks = {
  name: '0011_ledger_checks',
  sql: /* sql */ `
-- What each check of the whole ledger found, so that whoever watches knows that there was one.
CREATE TABLE ledger_checks (
  started_at timestamptz PRIMARY KEY,
  finished_at timestamptz NOT NULL CHECK (finished_at >= started_at),
  accounts bigint NOT NULL CHECK (accounts >= 0),
  -- How many violations of each rule that was broken.
  violations jsonb NOT NULL,
  -- Charges against generations of the time since the check before.
  reconciliation jsonb NOT NULL
);
`,
};
