export const PLAN_NAMES = ['pilot', 'growth', 'enterprise'] as const;

export type Plan = (typeof PLAN_NAMES)[number];
