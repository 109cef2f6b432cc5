/**
 * What a plan allows, one entry per limit. A new account gets the values of its plan; an operator can change them for
 * one account. `/v1/account`, `/admin/v1`, the operator's commands, OpenAPI and the table in docs/api.md are made from
 * these entries. Adding a limit is one entry here and the one place that enforces it.
 */
import type { Plan } from './plans.ts';

export interface LimitFact {
  readonly unit: string;
  readonly description: string;
  /** The value that a new account of each plan gets. */
  readonly plans: Readonly<Record<Plan, number>>;
  /** The least value that an account can have. */
  readonly min: number;
  /** Whether the customer sees it in `GET /v1/account`. */
  readonly visible: boolean;
}

export const LIMITS = {
  rate_limit_per_min: {
    unit: 'requests per minute',
    description: 'Requests that each key may send in any 60 seconds.',
    plans: { pilot: 60, growth: 600, enterprise: 3_000 },
    min: 1,
    visible: true,
  },
  max_concurrent_tasks: {
    unit: 'tasks',
    description: 'Tasks of the account that may run at the same time.',
    plans: { pilot: 10, growth: 50, enterprise: 200 },
    min: 1,
    visible: true,
  },
  weight: {
    unit: 'share',
    description: 'Relative share of the slots that the account gets when several accounts have tasks waiting.',
    plans: { pilot: 1, growth: 4, enterprise: 8 },
    min: 1,
    visible: false,
  },
} as const satisfies Record<string, LimitFact>;

export type LimitName = keyof typeof LIMITS;
/** The limits in force for one account. */
export type AccountLimits = Readonly<Record<LimitName, number>>;

export const LIMIT_NAMES = Object.keys(LIMITS) as readonly LimitName[];

type VisibleName = { [Name in LimitName]: (typeof LIMITS)[Name]['visible'] extends true ? Name : never }[LimitName];

/** The limits of a new account of this plan. */
export function planLimits(plan: Plan): AccountLimits {
  return effectiveLimits({}, plan);
}

/**
 * The stored limits of an account, with the plan's value for each limit that is not stored: an account may be older
 * than a limit.
 */
export function effectiveLimits(stored: Readonly<Partial<Record<LimitName, number>>>, plan: Plan): AccountLimits {
  return Object.fromEntries(
    LIMIT_NAMES.map((name) => [name, stored[name] ?? LIMITS[name].plans[plan]]),
  ) as AccountLimits;
}

/** The limits that the account's customer sees. */
export function visibleLimits(limits: AccountLimits): Pick<AccountLimits, VisibleName> {
  const shown = LIMIT_NAMES.filter((name) => LIMITS[name].visible).map((name) => [name, limits[name]]);
  return Object.fromEntries(shown) as Pick<AccountLimits, VisibleName>;
}
