import { z } from 'zod';
import { ITEM_LIMITS } from '../facts/item-limits.ts';
import { PARAMS, rulesOf, type ParamFact, type ParamRule } from '../facts/params.ts';
import { codePoints } from './schema-parts.ts';
import type { TaskParams } from '../types.ts';

function valuesOf(rules: readonly ParamRule[]): (string | number)[] {
  return [...new Set(rules.flatMap((rule) => (rule.kind === 'one_of' ? rule.values : [])))];
}

function bounds(rules: readonly ParamRule[]): { min: number; max: number } {
  const integers = rules.filter((rule) => rule.kind === 'integer');
  return { min: Math.min(...integers.map(({ min }) => min)), max: Math.max(...integers.map(({ max }) => max)) };
}

/** The values that at least one model accepts. `GET /v1/models` has the values of each model. */
function valueSchema(fact: ParamFact): z.ZodType {
  const rules = rulesOf(fact);
  switch (fact.kind) {
    case 'one_of':
      return z.literal(valuesOf(rules));
    case 'url':
      return z.string().max(ITEM_LIMITS.urlMaxLength);
    case 'integer': {
      const { min, max } = bounds(rules);
      return z.int().min(min).max(max);
    }
    case 'boolean':
      return z.boolean();
    case 'text':
      return codePoints(1, Math.max(...rules.map((rule) => (rule.kind === 'text' ? rule.maxLength : 0))));
  }
}

function describe({ description, models }: ParamFact): string {
  return `${description} Models: ${Object.keys(models).join(', ')}.`;
}

/** The schema of an item's parameters, made from the given entries. */
export function makeTaskParamsSchema(params: Readonly<Record<string, ParamFact>>): z.ZodType<TaskParams> {
  const shape = Object.entries(params).map(([name, fact]) => [
    name,
    valueSchema(fact)
      .exactOptional()
      .meta({ description: describe(fact) }),
  ]);
  return z.strictObject(Object.fromEntries(shape) as z.ZodRawShape);
}

export const taskParamsSchema = makeTaskParamsSchema(PARAMS).meta({
  id: 'TaskParams',
  description: 'Parameters of a video. `GET /v1/models` says which of these a model accepts.',
});
