/**
 * Guards of the SQL functions that can be taken out of the database of a simulation, to see that the histories notice. Each is
 * a text of the function and what stands there instead; a text that is not there any more is an error, not a guard less.
 */
import type { Database } from '../../server/src/db/index.ts';

interface Removal {
  readonly function: string;
  readonly from: RegExp;
  readonly to: string;
}

const FENCE_OF_SETTLE: Removal = {
  function: 'settle_tasks',
  from: /AND t\.fence = i\.fence\s+AND CASE i\.outcome/,
  to: 'AND CASE i.outcome',
};
const FIRST_OUTCOME: Removal = {
  function: 'settle_tasks',
  from: /WHEN 'succeeded' THEN t\.state IN \('submitting', 'running', 'unknown'\)/,
  to: "WHEN 'succeeded' THEN true",
};
const ACCOUNTS_OF_SETTLE: Removal = {
  function: 'settle_tasks',
  from: /PERFORM 1 FROM credit_accounts[^;]*;/,
  to: '',
};
const HOLDS_OF_SETTLE: Removal = { function: 'settle_tasks', from: /PERFORM 1 FROM credit_holds[^;]*;/, to: '' };
const LEASES_OF_SETTLE: Removal = { function: 'settle_tasks', from: /PERFORM 1 FROM task_leases l[^;]*;/, to: '' };
const FENCE_OF_RECORD: Removal = {
  function: 'record_submissions',
  from: /AND t\.fence = i\.fence/,
  to: '',
};
const ATTEMPT_OF_RECORD: Removal = {
  function: 'record_submissions',
  from: /AND t\.attempt = i\.attempt/,
  to: '',
};
const LEASE_OF_BEGIN: Removal = {
  function: 'begin_attempts',
  from: /\(t\.fence = 0 AND i\.has_lease\)/,
  to: 't.fence = 0',
};
const FENCE_OF_BEGIN: readonly Removal[] = [
  { function: 'begin_attempts', from: /AND \(t\.fence = i\.fence OR \(t\.fence = 0 AND i\.has_lease\)\)/, to: '' },
  { function: 'begin_attempts', from: /t\.attempt = i\.attempt AND t\.fence = i\.fence/, to: 't.attempt = i.attempt' },
];

/** By the name that `--without` takes. */
export const GUARDS: Readonly<Record<string, readonly Removal[]>> = {
  'settle-fence': [FENCE_OF_SETTLE],
  'settle-first-outcome': [FIRST_OUTCOME],
  'settle-late': [
    {
      function: 'settle_tasks',
      from: /WHERE t\.resolution IS NOT NULL AND i\.outcome/,
      to: 'WHERE false AND i.outcome',
    },
  ],
  'settle-timeout': [
    { function: 'settle_tasks', from: /AND \(i\.failure_type <> 'timeout' OR t\.timeout_at <= v_now\)/, to: '' },
  ],
  'settle-accounts': [ACCOUNTS_OF_SETTLE],
  'settle-holds': [HOLDS_OF_SETTLE],
  'settle-accounts-and-holds': [ACCOUNTS_OF_SETTLE, HOLDS_OF_SETTLE],
  'settle-leases': [LEASES_OF_SETTLE],
  'settle-order': [
    // The order in which the caller happens to name them; any fixed one would do as long as everybody keeps to it.
    {
      function: 'settle_tasks',
      from: /ORDER BY account_id FOR NO KEY/,
      to: 'ORDER BY array_position(p_account_ids, account_id) FOR NO KEY',
    },
  ],
  'begin-fence': FENCE_OF_BEGIN,
  'begin-lease': [LEASE_OF_BEGIN],
  'record-fence': [FENCE_OF_RECORD],
  'record-attempt': [ATTEMPT_OF_RECORD],
  'record-fence-and-attempt': [FENCE_OF_RECORD, ATTEMPT_OF_RECORD],
  'unknown-fence': [{ function: 'mark_unknown', from: /AND t\.fence = i\.fence/, to: '' }],
  'requeue-fence': [
    { function: 'requeue_tasks', from: /ELSE t\.fence = i\.fence AND t\.state IN/, to: 'ELSE t.state IN' },
  ],
  'take-over-unknown': [
    {
      function: 'take_over_leases',
      from: /CASE t\.state WHEN 'submitting' THEN 'unknown'/,
      to: "CASE t.state WHEN 'submitting' THEN 'queued'",
    },
  ],
  'take-over-lease-until': [
    { function: 'take_over_leases', from: /WHERE l\.lease_until <= v_now AND \(/, to: 'WHERE (' },
    { function: 'take_over_leases', from: /AND l\.lease_until <= v_now\s+FOR UPDATE/, to: 'FOR UPDATE' },
  ],
  'take-over-recheck': [
    { function: 'take_over_leases', from: /AND l\.lease_until <= v_now\s+FOR UPDATE/, to: 'FOR UPDATE' },
  ],
  'claim-routes': [{ function: 'claim_tasks', from: /ORDER BY route FOR NO KEY UPDATE/, to: 'ORDER BY route' }],
  'close-accounts': [
    { function: 'close_batch', from: /PERFORM 1 FROM credit_accounts[^;]*;/, to: '' },
    { function: 'close_batch', from: /PERFORM 1 FROM credit_holds[^;]*;/, to: '' },
  ],
  'freeze-account': [
    {
      function: 'freeze_credits_for_batch',
      from: /account_id = p_account_id FOR NO KEY UPDATE/,
      to: 'account_id = p_account_id',
    },
  ],
  'start-account': [{ function: 'start_batches', from: /PERFORM 1 FROM credit_accounts[^;]*;/, to: '' }],
};

/** All that are called so: a function may have been replaced by one that takes other arguments. */
async function definitionsOf(admin: Database, functionName: string): Promise<string[]> {
  const found = await admin.query<{ definition: string }>(
    `SELECT pg_get_functiondef(p.oid) AS definition FROM pg_proc p
     WHERE p.proname = $1 AND p.pronamespace = 'public'::regnamespace`,
    [functionName],
  );
  return found.map(({ definition }) => definition);
}

/** Guards whose text is no longer where it is looked for, so that taking them out would show nothing. */
export async function missingGuards(admin: Database): Promise<string[]> {
  const missing: string[] = [];
  for (const [name, removals] of Object.entries(GUARDS)) {
    for (const { function: functionName, from } of removals) {
      const definitions = await definitionsOf(admin, functionName);
      if (!definitions.some((text) => from.test(text))) missing.push(`${name} in ${functionName}`);
    }
  }
  return missing;
}

/** Takes one guard out of the functions of this database, for good. */
export async function takeOutGuard(admin: Database, name: string): Promise<void> {
  const removals = GUARDS[name];
  if (removals === undefined)
    throw new RangeError(`there is no guard ${name}; there are ${Object.keys(GUARDS).join(', ')}`);
  for (const { function: functionName, from, to } of removals) {
    const definition = (await definitionsOf(admin, functionName)).find((text) => from.test(text));
    if (definition === undefined) throw new Error(`${functionName} does not have the guard ${name} any more`);
    await admin.query(definition.replace(from, () => to));
  }
}
