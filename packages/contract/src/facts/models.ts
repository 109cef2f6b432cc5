import type { TaskParams } from '../types.ts';

export type ParamName = keyof TaskParams;

/** What one parameter may be: a closed set of values, or a URL. */
export type ParamRule =
  { readonly kind: 'one_of'; readonly values: readonly (string | number)[] } | { readonly kind: 'url' };

export interface ModelSpec {
  readonly id: string;
  /** Credits for one video; one credit has a list value of one US cent. */
  readonly unitPrice: number;
  readonly minItems: number;
  readonly maxItems: number;
  readonly params: Readonly<Partial<Record<ParamName, ParamRule>>>;
  /** Per try, counted from its submission. */
  readonly timeoutMs: number;
  /** 95 % of videos are stored within this time of their submission. */
  readonly targetMs: number;
  readonly lifecycle: 'active' | 'deprecated' | 'retired';
}

const MINUTE_MS = 60_000;
const ASPECT_RATIO: ParamRule = { kind: 'one_of', values: ['16:9', '9:16'] };

/** Our product names. Which upstream serves one is decided by routes, never here. */
export const MODELS: readonly ModelSpec[] = [
  {
    id: 'sora-2',
    unitPrice: 49,
    minItems: 10,
    maxItems: 10_000,
    params: {
      aspect_ratio: ASPECT_RATIO,
      duration_seconds: { kind: 'one_of', values: [10, 15] },
      size: { kind: 'one_of', values: ['small', 'large'] },
      image_url: { kind: 'url' },
    },
    timeoutMs: 10 * MINUTE_MS,
    targetMs: 2 * MINUTE_MS,
    lifecycle: 'active',
  },
  {
    id: 'veo-pro',
    unitPrice: 599,
    minItems: 5,
    maxItems: 10_000,
    params: { aspect_ratio: ASPECT_RATIO, image_url: { kind: 'url' }, last_image_url: { kind: 'url' } },
    timeoutMs: 30 * MINUTE_MS,
    targetMs: 10 * MINUTE_MS,
    lifecycle: 'active',
  },
];

export const PARAM_NAMES: readonly ParamName[] = [
  'aspect_ratio',
  'duration_seconds',
  'size',
  'image_url',
  'last_image_url',
];
