/**
 * The tables of docs/ that follow from the facts. They stand between `<!-- generated: NAME -->` and `<!-- end -->`; what is
 * around them is written by hand.
 */
import { readFile } from 'node:fs/promises';
import { format } from 'prettier';
import { z } from 'zod';
import { EVENTS, EVENT_TYPES } from '../src/facts/events.ts';
import { LIMITS, type LimitFact } from '../src/facts/limits.ts';
import { PARAMS, rulesOf, type ParamFact, type ParamRule } from '../src/facts/params.ts';
import { PLAN_NAMES } from '../src/facts/plans.ts';
import * as kit from '../src/parts/event-kit.ts';

const code = (text: string | number): string => `\`${text}\``;
const table = (rows: readonly (readonly string[])[]): string => {
  const [head = [], ...body] = rows.map(
    (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`,
  );
  return [head, `| ${(rows[0] ?? []).map(() => '---').join(' | ')} |`, ...body].join('\n');
};

function valuesOf(rule: ParamRule): string {
  switch (rule.kind) {
    case 'one_of':
      return rule.values.map(code).join(', ');
    case 'integer':
      return `a whole number from ${rule.min} to ${rule.max}`;
    case 'boolean':
      return '`true`, `false`';
    case 'text':
      return `a text of 1 to ${rule.maxLength} characters`;
    case 'url':
      return 'an https URL';
  }
}

function paramTable(): string {
  const rows = Object.entries<ParamFact>(PARAMS).map(([name, fact]) => {
    const models = Object.keys(fact.models);
    const values = [...new Set(rulesOf(fact).map(valuesOf))];
    const byModel = models.map((model, at) => `${code(model)}: ${valuesOf(rulesOf(fact)[at] ?? { kind: 'url' })}`);
    return [
      code(name),
      fact.description,
      models.map(code).join(', '),
      values.length === 1 ? (values[0] ?? '') : byModel.join('; '),
    ];
  });
  return table([['parameter', 'what it is', 'models', 'values'], ...rows]);
}

function limitTable(): string {
  const rows = Object.entries<LimitFact>(LIMITS)
    .filter(([, { visible }]) => visible)
    .map(([name, { plans, description }]) => [
      code(name),
      ...PLAN_NAMES.map((plan) => plans[plan].toLocaleString('en')),
      description,
    ]);
  return table([['limit', ...PLAN_NAMES, 'what it limits'], ...rows]);
}

const shapeOf = (schema: unknown): Readonly<Record<string, z.ZodType>> =>
  schema instanceof z.ZodObject ? schema.shape : {};

/** A field with what it is made of: `` `failure: {type, message}` or null ``. */
function field(name: string, schema: z.ZodType): string {
  const def: { type: string; innerType?: z.ZodType } = schema.def;
  if (def.innerType !== undefined && def.type === 'optional') return `${field(name, def.innerType)} (not always)`;
  if (def.innerType !== undefined && def.type === 'nullable') return `${field(name, def.innerType)} or null`;
  const inner = Object.keys(shapeOf(schema));
  return code(inner.length === 0 ? name : `${name}: {${inner.join(', ')}}`);
}

/** What many events carry, told once below the table. */
const SHARED = { batch: kit.batchEventData, task: kit.taskEventData } as const;

function fields(schema: unknown): string {
  const shape = shapeOf(schema);
  for (const [name, shared] of Object.entries(SHARED)) {
    if (!Object.keys(shared.shape).every((key) => key in shape)) continue;
    const more = Object.entries(shape).filter(([key]) => !(key in shared.shape));
    return [`the ${name}`, ...more.map(([key, inner]) => field(key, inner))].join(', ');
  }
  return Object.entries(shape)
    .map(([name, inner]) => field(name, inner))
    .join(', ');
}

function eventTable(): string {
  const rows = EVENT_TYPES.map((type) => [code(type), EVENTS[type].when, fields(EVENTS[type].data(kit))]);
  const shared = Object.entries(SHARED).map(([name, schema]) => {
    const list = Object.entries(shapeOf(schema)).map(([key, inner]) => field(key, inner));
    return `- The ${name}: ${list.join(', ')}.`;
  });
  return `${table([['type', 'sent when', '`data`'], ...rows])}\n\n${shared.join('\n')}`;
}

const TABLES: Readonly<Record<string, () => string>> = { params: paramTable, limits: limitTable, events: eventTable };

/** Pages of docs/ with generated tables. */
export const PAGES_WITH_TABLES = ['api.md', 'webhooks.md'] as const;

/** A page with its tables as they should be. Throws for a table that it does not know, and for one without an end. */
export async function pageWithTables(page: URL): Promise<string> {
  const text = await readFile(page, 'utf8');
  const [before = '', ...parts] = text.split(/<!-- generated: (\w+) -->/);
  let made = before;
  for (let at = 0; at < parts.length; at += 2) {
    const name = parts[at] ?? '';
    const make = TABLES[name];
    const [, after] = (parts[at + 1] ?? '').split('<!-- end -->', 2);
    if (make === undefined || after === undefined) throw new Error(`${page.pathname} has a bad table "${name}"`);
    made += `<!-- generated: ${name} -->\n\n${make()}\n\n<!-- end -->${after}`;
  }
  return format(made, { parser: 'markdown', printWidth: 120, singleQuote: true });
}
