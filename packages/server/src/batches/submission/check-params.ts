import {
  PARAM_NAMES,
  inParamOrder,
  isParamName,
  quoted,
  suggestion,
  type ItemErrorCode,
  type ModelSpec,
  type ParamName,
  type ParamRule,
  type TaskParams,
} from '@rushes/contract';
import type { Detail } from './problems.ts';
import { textFault, urlFault, type Fault } from './text-rules.ts';

export type ParamReport = (name: string, code: ItemErrorCode, detail: Detail) => void;

export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : typeof value;
}

function ruleFault(name: ParamName, value: unknown, rule: ParamRule, model: ModelSpec): Fault | null {
  switch (rule.kind) {
    case 'url':
      return urlFault(value);
    case 'one_of': {
      if (rule.values.some((allowed) => allowed === value)) return null;
      const allowed = rule.values.map((candidate) => JSON.stringify(candidate)).join(', ');
      return { code: 'unknown_value', detail: `${name} is ${shown(value)}; allowed with ${model.id}: ${allowed}.` };
    }
    case 'boolean': {
      if (typeof value === 'boolean') return null;
      return { code: 'wrong_type', detail: `${name} is ${shown(value)}; it must be true or false.` };
    }
    case 'integer': {
      if (typeof value === 'number' && Number.isInteger(value) && value >= rule.min && value <= rule.max) return null;
      const code = typeof value === 'number' ? 'out_of_range' : 'wrong_type';
      const allowed = `a whole number from ${rule.min} to ${rule.max}`;
      return { code, detail: `${name} is ${shown(value)}; with ${model.id} it must be ${allowed}.` };
    }
    case 'text':
      return textFault(name, value, rule.maxLength);
  }
}

function paramFault(name: ParamName, value: unknown, model: ModelSpec): Fault | null {
  const rule = model.params[name];
  if (rule !== undefined) return ruleFault(name, value, rule, model);
  const accepted = PARAM_NAMES.filter((candidate) => model.params[candidate] !== undefined).join(', ');
  return { code: 'not_supported', detail: `${model.id} has no parameter ${name}. It accepts ${accepted}.` };
}

/**
 * Checks parameters against the rules of the model and reports every problem. Returns the valid parameters in a fixed order.
 *
 * @param model null when the model is unknown; then only the names are checked
 */
export function checkParams(params: unknown, model: ModelSpec | null, report: ParamReport): TaskParams {
  if (params === undefined) return {};
  if (!isPlainObject(params)) {
    report('', 'wrong_type', 'Parameters must be an object of names and values.');
    return {};
  }
  const sound: Partial<Record<ParamName, unknown>> = {};
  for (const [name, value] of Object.entries(params)) {
    if (!isParamName(name)) {
      report(name, 'unknown_name', () => `There is no parameter ${quoted(name)}.${suggestion(name, PARAM_NAMES)}`);
      continue;
    }
    const fault = model === null ? null : paramFault(name, value, model);
    if (fault === null) sound[name] = value;
    else report(name, fault.code, fault.detail);
  }
  return inParamOrder(sound);
}

/** The item's own parameters, completed by the defaults, with names in a fixed order. */
export function mergeParams(defaults: TaskParams, own: TaskParams): TaskParams {
  return inParamOrder({ ...defaults, ...own });
}
