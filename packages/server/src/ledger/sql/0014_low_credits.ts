export const lowCredits = {
  name: '0014_low_credits',
  sql: /* sql */ `
-- credits.low is announced when available falls below it; null announces nothing. On the row that every such fall locks and
-- changes anyway.
ALTER TABLE credit_accounts ADD COLUMN low_threshold bigint
  CHECK (low_threshold BETWEEN 1 AND 9007199254740991);
`,
};
