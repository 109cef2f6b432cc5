import { PARAMS, isParamName, quoted, readParam, shortened, suggestion, type ParamValue } from '@rushes/contract';
import { SUBMISSION_FIELDS } from './check-fields.ts';
import { isPlainObject } from './check-params.ts';
import { parseJson } from './json-text.ts';
import type { Problems } from './problems.ts';

export interface QueryFields {
  /** The submission's fields, as JSON values. */
  readonly fields: Map<string, unknown>;
  readonly ignoreColumns: boolean;
}

const NUMBER_FIELDS: readonly string[] = ['spend_limit', 'expected_unit_price', 'max_failure_rate', 'deadline_hours'];
const OBJECT_FIELDS = ['defaults', 'metadata'] as const;

/** A number in the form of JSON. Other text stays text, and the check of the field refuses it. */
function numberOrText(text: string): number | string {
  return /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/.test(text) ? Number(text) : text;
}

/**
 * Reads the fields of a CSV or NDJSON submission from the query: each field by its name, parameters and metadata as
 * `defaults.size=large` and `metadata.campaign=may`, or as an object, `defaults={"size":"large"}`.
 */
export function readQuery(
  query: ReadonlyMap<string, string>,
  format: 'csv' | 'ndjson',
  problems: Problems,
): QueryFields {
  const fields = new Map<string, unknown>();
  const parts: Record<(typeof OBJECT_FIELDS)[number], Map<string, unknown>> = {
    defaults: new Map(),
    metadata: new Map(),
  };
  let ignoreColumns = false;
  for (const [name, text] of query) {
    const object = OBJECT_FIELDS.find((candidate) => name === candidate || name.startsWith(`${candidate}.`));
    if (name === 'ignore_columns' && format === 'csv') ignoreColumns = readBoolean(name, text, problems);
    else if (object !== undefined) readPart(object, name, text, parts[object], problems);
    else if (SUBMISSION_FIELDS.includes(name)) {
      fields.set(name, NUMBER_FIELDS.includes(name) ? numberOrText(text) : text);
    } else {
      const known = [...SUBMISSION_FIELDS, ...(format === 'csv' ? ['ignore_columns'] : [])];
      const detail = `There is no query parameter ${quoted(name)}.${suggestion(name, known)}`;
      problems.addToRequest(shortened(name), 'unknown_name', detail);
    }
  }
  for (const object of OBJECT_FIELDS) {
    if (parts[object].size > 0) fields.set(object, Object.fromEntries(parts[object]));
  }
  return { fields, ignoreColumns };
}

/** A JSON body has all fields itself, so fields in the query are refused instead of being ignored. */
export function refuseQuery(query: ReadonlyMap<string, string>, problems: Problems): void {
  for (const name of query.keys()) {
    const detail = `The query parameter ${quoted(name)} cannot be used with a JSON body. Put the field into the body.`;
    problems.addToRequest(shortened(name), 'unknown_name', detail);
  }
}

function readBoolean(name: string, text: string, problems: Problems): boolean {
  if (text !== 'true' && text !== 'false') {
    problems.addToRequest(name, 'unknown_value', `\`${name}\` is "true" or "false".`);
  }
  return text === 'true';
}

function readPart(
  object: (typeof OBJECT_FIELDS)[number],
  name: string,
  text: string,
  part: Map<string, unknown>,
  problems: Problems,
): void {
  if (name === object) {
    const parsed = parseJson(text);
    if (!parsed.ok || !isPlainObject(parsed.value)) {
      problems.addToRequest(object, 'bad_syntax', `\`${object}\` in the query must be a JSON object.`);
      return;
    }
    for (const [key, value] of Object.entries(parsed.value)) setOnce(object, key, value, part, problems);
    return;
  }
  const key = name.slice(object.length + 1);
  setOnce(object, key, object === 'defaults' ? paramFromText(key, text) : text, part, problems);
}

function setOnce(object: string, key: string, value: unknown, part: Map<string, unknown>, problems: Problems): void {
  if (part.has(key)) {
    problems.addToRequest(`${object}.${shortened(key)}`, 'duplicate', `\`${object}\` names ${quoted(key)} twice.`);
  } else {
    part.set(key, value);
  }
}

/** The value of a parameter from a CSV cell or the query. Text that cannot be read stays text. */
export function paramFromText(name: string, text: string): ParamValue {
  const reading = isParamName(name) ? readParam(PARAMS[name], text) : null;
  return reading !== null && reading.ok ? reading.value : text;
}
