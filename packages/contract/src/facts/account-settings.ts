/**
 * What a customer sets for the account by `PATCH /v1/account`: whole numbers or null for "not set", one entry each. The
 * schemas of the account and of the change, and the SDK's types, are made from these entries.
 */
export interface AccountSettingFact {
  readonly description: string;
  readonly min: number;
}

export const ACCOUNT_SETTINGS = {
  low_credits_threshold: {
    description: 'The event `credits.low` is sent when available credits fall below this; null: never.',
    min: 1,
  },
} as const satisfies Record<string, AccountSettingFact>;

export type AccountSettingName = keyof typeof ACCOUNT_SETTINGS;
export type AccountSettings = Readonly<Record<AccountSettingName, number | null>>;

export const ACCOUNT_SETTING_NAMES = Object.keys(ACCOUNT_SETTINGS) as readonly AccountSettingName[];
