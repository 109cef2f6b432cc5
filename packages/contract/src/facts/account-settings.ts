/**
 * The settings that a customer can change with `PATCH /v1/account`, one entry each. A value is a whole number, or null
 * for "not set". The schemas of the account and of the change, and the SDK's types, are made from these entries.
 */
export interface AccountSettingFact {
  readonly description: string;
  readonly min: number;
}

export const ACCOUNT_SETTINGS = {
  low_credits_threshold: {
    description:
      'The event `credits.low` is sent when the available credits fall below this number; null means that it is never sent.',
    min: 1,
  },
} as const satisfies Record<string, AccountSettingFact>;

export type AccountSettingName = keyof typeof ACCOUNT_SETTINGS;
export type AccountSettings = Readonly<Record<AccountSettingName, number | null>>;

export const ACCOUNT_SETTING_NAMES = Object.keys(ACCOUNT_SETTINGS) as readonly AccountSettingName[];
