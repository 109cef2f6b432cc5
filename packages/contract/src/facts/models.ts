import { paramRules, type ModelId, type ParamName, type ParamRule } from './params.ts';
import type { ModelLifecycle } from './states.ts';

export interface ModelSpec {
  readonly id: string;
  /** Credits for one video; one credit has a list value of one US cent. */
  readonly unitPrice: number;
  readonly minItems: number;
  readonly maxItems: number;
  /** From `PARAMS`. */
  readonly params: Readonly<Partial<Record<ParamName, ParamRule>>>;
  /** Time limit of one attempt, counted from when it was sent to the upstream. */
  readonly timeoutMs: number;
  /** 95 % of videos are stored within this time of their submission. */
  readonly targetMs: number;
  readonly lifecycle: ModelLifecycle;
}

const MINUTE_MS = 60_000;

const SPECS: Readonly<Record<ModelId, Omit<ModelSpec, 'id' | 'params'>>> = {
  'sora-2': {
    unitPrice: 49,
    minItems: 10,
    maxItems: 10_000,
    timeoutMs: 10 * MINUTE_MS,
    targetMs: 2 * MINUTE_MS,
    lifecycle: 'active',
  },
  'veo-pro': {
    unitPrice: 599,
    minItems: 5,
    maxItems: 10_000,
    timeoutMs: 30 * MINUTE_MS,
    targetMs: 10 * MINUTE_MS,
    lifecycle: 'active',
  },
};

/** The models and their prices. Which upstream serves a model is decided by routes, not here. */
export const MODELS: readonly ModelSpec[] = (Object.keys(SPECS) as ModelId[]).map((id) => ({
  id,
  ...SPECS[id],
  params: paramRules(id),
}));
