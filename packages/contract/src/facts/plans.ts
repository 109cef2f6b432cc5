export const PLANS = {
  pilot: { rateLimitPerMin: 60, maxConcurrentTasks: 10, weight: 1 },
  growth: { rateLimitPerMin: 600, maxConcurrentTasks: 50, weight: 4 },
  enterprise: { rateLimitPerMin: 3_000, maxConcurrentTasks: 200, weight: 8 },
} as const;

export type Plan = keyof typeof PLANS;

export const PLAN_NAMES = ['pilot', 'growth', 'enterprise'] as const satisfies readonly Plan[];
