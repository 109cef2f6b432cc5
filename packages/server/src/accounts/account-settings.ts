import { ACCOUNT_SETTINGS, ACCOUNT_SETTING_NAMES, type AccountSettings, type AccountUuid } from '@rushes/contract';
import type { Queryable } from '../db/index.ts';

/** All settings of an account; null for each one that is not set. */
export function accountSettings(stored: Partial<AccountSettings>): AccountSettings {
  return Object.fromEntries(ACCOUNT_SETTING_NAMES.map((name) => [name, stored[name] ?? null])) as AccountSettings;
}

/** The settings that a change includes. */
function namedSettings(change: Partial<AccountSettings>): Partial<AccountSettings> {
  const named = ACCOUNT_SETTING_NAMES.flatMap((name) => {
    const value = change[name];
    if (value === undefined) return [];
    const { min } = ACCOUNT_SETTINGS[name];
    if (value !== null && !(Number.isSafeInteger(value) && value >= min)) {
      throw new Error(`${name} must be a whole number from ${min}, not ${value}`);
    }
    return [[name, value]];
  });
  return Object.fromEntries(named) as Partial<AccountSettings>;
}

/**
 * Changes the settings in `change` and leaves the others; null removes a setting. Throws for a value that the contract
 * does not allow and for an account that does not exist.
 */
export async function changeSettings(
  db: Queryable,
  accountUuid: AccountUuid,
  change: Partial<AccountSettings>,
): Promise<void> {
  const rows = await db.query(
    `UPDATE accounts SET settings = jsonb_strip_nulls(settings || $2::jsonb) WHERE account_id = $1 RETURNING 1`,
    [accountUuid, JSON.stringify(namedSettings(change))],
  );
  if (rows.length === 0) throw new Error(`there is no account ${accountUuid}`);
}
