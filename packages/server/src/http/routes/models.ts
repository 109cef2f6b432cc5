import { MODELS, PARAM_NAMES, modelSchema, pageSchema, type ModelSpec } from '@rushes/contract';
import type { Model, ModelParam } from '@rushes/contract/types';
import { json } from '../exchange.ts';
import { readRoute, type Route } from '../route.ts';

function toModel(spec: ModelSpec): Model {
  const params = PARAM_NAMES.flatMap((name): ModelParam[] => {
    const rule = spec.params[name];
    if (rule === undefined) return [];
    return [{ name, values: rule.kind === 'one_of' ? [...rule.values] : null }];
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
export function modelRoutes(): readonly Route[] {
  return [
    readRoute({
      path: '/v1/models',
      scope: null,
      operation: {
        id: 'listModels',
        tag: 'Models',
        summary: 'Models with prices, limits, parameters and lifecycle',
        successes: [
          {
            status: 200,
            description: 'All models, on one page.',
            content: [{ mediaType: 'application/json', schema: pageSchema(modelSchema) }],
          },
        ],
        refusals: [],
      },
      handle: async () => json({ data: MODELS.map(toModel), has_more: false, next_cursor: null }),
    }),
  ];
}
