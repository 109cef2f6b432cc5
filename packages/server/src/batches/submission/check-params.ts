import { PARAM_NAMES, type ItemErrorCode, type ModelSpec, type ParamName, type TaskParams } from '@rushes/contract';
import { quoted, suggestion } from './closest-name.ts';
import type { Detail } from './problems.ts';
import { urlFault, type Fault } from './text-rules.ts';

export type ParamReport = (name: string, code: ItemErrorCode, detail: Detail) => void;

export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isParamName(name: string): name is ParamName {
  return (PARAM_NAMES as readonly string[]).includes(name);
}

function paramFault(name: ParamName, value: unknown, model: ModelSpec): Fault | null {
  const rule = model.params[name];
  if (rule === undefined) {
    const accepted = PARAM_NAMES.filter((candidate) => model.params[candidate] !== undefined).join(', ');
    return { code: 'not_supported', detail: `${model.id} has no parameter ${name}. It accepts ${accepted}.` };
  }
  if (rule.kind === 'url') return urlFault(value);
  if (rule.values.some((allowed) => allowed === value)) return null;
  const allowed = rule.values.map((candidate) => JSON.stringify(candidate)).join(', ');
  const given = typeof value === 'string' ? quoted(value) : typeof value === 'number' ? String(value) : typeof value;
  return { code: 'unknown_value', detail: `${name} is ${given}; allowed with ${model.id}: ${allowed}.` };
}

/**
 * Checks parameters against what the model accepts and reports every fault. Returns the sound ones in a fixed order.
 *
 * @param model null while the model is unknown: then names are checked and values are not.
 */
export function checkParams(params: unknown, model: ModelSpec | null, report: ParamReport): TaskParams {
  if (params === undefined) return {};
  if (!isPlainObject(params)) {
    report('', 'wrong_type', 'Parameters are an object of names and values.');
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
  return inOrder(sound);
}

/** The item's own parameters over the defaults, names in a fixed order. */
export function mergeParams(defaults: TaskParams, own: TaskParams): TaskParams {
  return inOrder({ ...defaults, ...own });
}

function inOrder(params: Readonly<Partial<Record<ParamName, unknown>>>): TaskParams {
  return Object.fromEntries(
    PARAM_NAMES.filter((name) => params[name] !== undefined).map((name) => [name, params[name]]),
  );
}
