import type { SqlFunction } from '../../db/index.ts';

export const settleDebt: SqlFunction = {
  name: 'settle_debt',
  comment: `
    Pays open revocations with the available credits, the oldest first, or one revocation only. The caller must hold the
    lock of the account row.`,
  sql: /* sql */ `
CREATE OR REPLACE FUNCTION settle_debt(p_account_id uuid, p_reference text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_revocation credit_revocations;
  v_amount bigint;
BEGIN
  FOR v_revocation IN
    SELECT * FROM credit_revocations
    WHERE account_id = p_account_id AND revoked < amount AND (p_reference IS NULL OR reference = p_reference)
    ORDER BY position
  LOOP
    SELECT least(c.available, v_revocation.amount - v_revocation.revoked) INTO v_amount
    FROM credit_accounts c WHERE c.account_id = p_account_id;
    EXIT WHEN v_amount = 0;
    PERFORM append_entry(p_account_id, 'revoke', v_amount, NULL, NULL, NULL, v_revocation.reason, v_revocation.reference);
    UPDATE credit_accounts SET debt = debt - v_amount WHERE account_id = p_account_id;
    UPDATE credit_revocations SET revoked = revoked + v_amount
    WHERE account_id = p_account_id AND reference = v_revocation.reference;
  END LOOP;
END
$$;
`,
};
