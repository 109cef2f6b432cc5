/**
 * Writes the TypeScript types of schemas: an interface for every schema that has an id, with its descriptions as doc
 * comments. Clients get these plain types; inferred ones would make the SDK's declarations depend on the schema library.
 */
import type { z } from 'zod';

type Schema = z.core.$ZodType;
type Named = ReadonlyMap<string, Schema>;

interface Meta {
  readonly id?: string | undefined;
  readonly description?: string | undefined;
}

const defOf = (schema: Schema): z.core.$ZodTypes['_zod']['def'] => (schema as z.core.$ZodTypes)._zod.def;
const metaOf = (schema: Schema): Meta => (schema as z.ZodType).meta() ?? {};

/** The innermost schema behind null, optional and default, and whether each was there. */
function unwrap(schema: Schema): { inner: Schema; isOptional: boolean } {
  const def = defOf(schema);
  if (def.type === 'optional' || def.type === 'default') return { inner: def.innerType, isOptional: true };
  return { inner: schema, isOptional: false };
}

/** Puts schemas with an id into `found`, deepest first. */
function collect(schema: Schema, found: Map<string, Schema>): void {
  const { id } = metaOf(schema);
  if (id !== undefined && found.has(id)) return;
  for (const child of childrenOf(schema)) collect(child, found);
  if (id !== undefined) found.set(id, schema);
}

function childrenOf(schema: Schema): readonly Schema[] {
  const def = defOf(schema);
  switch (def.type) {
    case 'object':
      return Object.values(def.shape);
    case 'array':
      return [def.element];
    case 'record':
      return [def.keyType, def.valueType];
    case 'union':
      return def.options;
    case 'optional':
    case 'default':
    case 'nullable':
      return [def.innerType];
    default:
      return [];
  }
}

function docComment(description: string | undefined, indent: string): string {
  if (description === undefined) return '';
  return `${indent}/** ${description.replaceAll('*/', '*\\/')} */\n`;
}

function literals(values: Iterable<unknown>): string {
  return [...values].map((value) => JSON.stringify(value)).join(' | ');
}

/** The type as an expression; a schema with an id by its name. */
function typeOf(schema: Schema, named: Named, indent: string, isTop = false): string {
  const { id } = metaOf(schema);
  if (!isTop && id !== undefined && named.has(id)) return id;
  const def = defOf(schema);
  switch (def.type) {
    case 'string':
      return 'string';
    case 'number':
      return 'number';
    case 'boolean':
      return 'boolean';
    case 'unknown':
      return 'unknown';
    case 'enum':
      return literals(Object.values(def.entries));
    case 'literal':
      return literals(def.values);
    case 'nullable':
      return `${typeOf(def.innerType, named, indent)} | null`;
    case 'array': {
      const element = typeOf(def.element, named, indent);
      return /^\w+$/.test(element) ? `${element}[]` : `(${element})[]`;
    }
    case 'record': {
      const keys = typeOf(def.keyType, named, indent);
      const record = `Record<${keys}, ${typeOf(def.valueType, named, indent)}>`;
      return keys === 'string' ? record : `Partial<${record}>`;
    }
    case 'union':
      return def.options.map((option) => typeOf(option, named, indent)).join(' | ');
    case 'object':
      return objectType(def.shape, named, indent);
    default:
      throw new Error(`the generator of types has no rule for a schema of type ${def.type}`);
  }
}

/** Its own, or that of what may be left out or null. */
function descriptionOf(schema: Schema): string | undefined {
  const own = metaOf(schema).description;
  const def = defOf(schema);
  if (own !== undefined || !(def.type === 'optional' || def.type === 'default' || def.type === 'nullable')) return own;
  return descriptionOf(def.innerType);
}

function objectType(shape: Readonly<Record<string, Schema>>, named: Named, indent: string): string {
  const inside = `${indent}  `;
  const members = Object.entries(shape).map(([name, schema]) => {
    const { inner, isOptional } = unwrap(schema);
    const comment = docComment(descriptionOf(schema), inside);
    return `${comment}${inside}${name}${isOptional ? '?' : ''}: ${typeOf(inner, named, inside)};\n`;
  });
  return `{\n${members.join('')}${indent}}`;
}

/** The declarations of every schema among `schemas`, and behind them, that has an id; in alphabetical order. */
export function wireTypes(schemas: readonly z.ZodType[]): string {
  const named = new Map<string, Schema>();
  for (const schema of schemas) collect(schema, named);
  return [...named]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, schema]) => {
      const comment = docComment(metaOf(schema).description, '');
      const type = typeOf(schema, named, '', true);
      const isObject = defOf(schema).type === 'object';
      return `${comment}${isObject ? `export interface ${name} ${type}` : `export type ${name} = ${type};`}\n`;
    })
    .join('\n');
}
