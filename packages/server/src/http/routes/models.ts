import {
  MODELS,
  PARAM_NAMES,
  PARAMS,
  modelSchema,
  pageSchema,
  type Model,
  type ModelParam,
  type ModelSpec,
  type ParamName,
  type ParamRule,
} from '@rushes/contract';
import { json } from '../exchange.ts';
import { readRoute, type Route } from '../route.ts';
import { success } from '../successes.ts';

function toParam(name: ParamName, rule: ParamRule): ModelParam {
  return {
    name,
    kind: rule.kind,
    values: rule.kind === 'one_of' ? [...rule.values] : null,
    ...(rule.kind === 'integer' ? { min: rule.min, max: rule.max } : {}),
    ...(rule.kind === 'text' ? { max_length: rule.maxLength } : {}),
    description: PARAMS[name].description,
  };
}

function toModel(spec: ModelSpec): Model {
  const params = PARAM_NAMES.flatMap((name): ModelParam[] => {
    const rule = spec.params[name];
    return rule === undefined ? [] : [toParam(name, rule)];
  });
  return {
    id: spec.id,
    unit_price: spec.unitPrice,
    min_items: spec.minItems,
    max_items: spec.maxItems,
    params,
    timeout_seconds: spec.timeoutMs / 1_000,
    target_seconds: spec.targetMs / 1_000,
    lifecycle: spec.lifecycle,
  };
}

/** What can be ordered, and for how much. */
export function routes(): readonly Route[] {
  return [
    readRoute({
      path: '/v1/models',
      scope: null,
      operation: {
        id: 'listModels',
        tag: 'Models',
        summary: 'List the models with prices, limits, parameters and lifecycle',
        successes: [success(200, 'All models, on one page.', pageSchema(modelSchema))],
      },
      handle: async () => json({ data: MODELS.map(toModel), has_more: false, next_cursor: null }),
    }),
  ];
}
