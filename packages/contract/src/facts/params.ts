/**
 * The parameters that a prompt may have, one entry each. The request schema, the type `TaskParams`, the check of a
 * submission, CSV columns, `/v1/models`, `--set` of the CLI and the table in docs/api.md are made from these entries.
 * To add a parameter, add one entry here, and support in the upstream adapters that can send it.
 */
import type { TaskParams } from '../types.ts';

export const MODEL_IDS = ['sora-2', 'veo-pro'] as const;
/** The name of a model, as customers use it. */
export type ModelId = (typeof MODEL_IDS)[number];

/** What a model accepts as a value of a parameter. */
export type ParamRule =
  | { readonly kind: 'one_of'; readonly values: readonly (string | number)[] }
  /** https URL that the upstream fetches. */
  | { readonly kind: 'url' }
  /** Whole number, both bounds included. */
  | { readonly kind: 'integer'; readonly min: number; readonly max: number }
  | { readonly kind: 'boolean' }
  /** `maxLength` in Unicode code points; never blank. */
  | { readonly kind: 'text'; readonly maxLength: number };

type RuleOf<Kind extends ParamRule['kind']> = Omit<Extract<ParamRule, { kind: Kind }>, 'kind'>;

/** A parameter: which models accept it, and which values with each. */
export type ParamFact = {
  [Kind in ParamRule['kind']]: {
    readonly kind: Kind;
    readonly description: string;
    readonly models: Readonly<Partial<Record<ModelId, RuleOf<Kind>>>>;
  };
}[ParamRule['kind']];

const ASPECT_RATIOS = { values: ['16:9', '9:16'] } as const;

export const PARAMS = {
  aspect_ratio: {
    kind: 'one_of',
    description: 'Shape of the picture.',
    models: { 'sora-2': ASPECT_RATIOS, 'veo-pro': ASPECT_RATIOS },
  },
  duration_seconds: {
    kind: 'one_of',
    description: 'Length of the video in seconds.',
    models: { 'sora-2': { values: [10, 15] } },
  },
  size: {
    kind: 'one_of',
    description: 'Resolution of the picture.',
    models: { 'sora-2': { values: ['small', 'large'] } },
  },
  image_url: {
    kind: 'url',
    description: 'https URL of the first frame or reference image.',
    models: { 'sora-2': {}, 'veo-pro': {} },
  },
  last_image_url: {
    kind: 'url',
    description: 'https URL of the last frame.',
    models: { 'veo-pro': {} },
  },
} as const satisfies Record<string, ParamFact>;

export type ParamName = keyof typeof PARAMS;
export type ParamValue = string | number | boolean;

/** The names of all parameters, in the order in which they are listed and stored. */
export const PARAM_NAMES = Object.keys(PARAMS) as readonly ParamName[];

export function isParamName(name: string): name is ParamName {
  return Object.hasOwn(PARAMS, name);
}

/** The parameters that a model accepts, in order, each with the rule for its values. */
export function paramRules(
  model: ModelId,
  params: Readonly<Record<string, ParamFact>> = PARAMS,
): Readonly<Partial<Record<ParamName, ParamRule>>> {
  const accepted = Object.entries(params).flatMap(([name, { kind, models }]) => {
    const rule = models[model];
    return rule === undefined ? [] : [[name, { kind, ...rule }]];
  });
  return Object.fromEntries(accepted) as Partial<Record<ParamName, ParamRule>>;
}

/** The rules of a parameter for all models. */
export function rulesOf(fact: ParamFact): readonly ParamRule[] {
  return Object.values(fact.models).map((rule) => ({ kind: fact.kind, ...rule }) as ParamRule);
}

/** The value that a text stands for, or what is wrong with the text: "must be …". */
export type ParamReading =
  { readonly ok: true; readonly value: ParamValue } | { readonly ok: false; readonly detail: string };

function isNumeric(fact: ParamFact): boolean {
  if (fact.kind === 'integer') return true;
  return rulesOf(fact).some((rule) => rule.kind === 'one_of' && rule.values.some((value) => typeof value === 'number'));
}

/**
 * The value of a parameter that was given as text: in a CSV cell, in the query or on the command line. Does not check
 * whether a model accepts the value.
 */
export function readParam(fact: ParamFact, text: string): ParamReading {
  if (fact.kind === 'boolean') {
    const word = text.toLowerCase();
    if (word === 'true' || word === 'false') return { ok: true, value: word === 'true' };
    return { ok: false, detail: `must be true or false, not ${JSON.stringify(text)}` };
  }
  if (!isNumeric(fact)) return { ok: true, value: text };
  if (/^-?(?:0|[1-9]\d{0,14})$/.test(text)) return { ok: true, value: Number(text) };
  return { ok: false, detail: `must be a whole number, not ${JSON.stringify(text)}` };
}

/** The parameters that are set, with their names in the order of `PARAM_NAMES`. */
export function inParamOrder(params: Readonly<Partial<Record<ParamName, unknown>>>): TaskParams {
  return Object.fromEntries(
    PARAM_NAMES.filter((name) => params[name] !== undefined).map((name) => [name, params[name]]),
  );
}
