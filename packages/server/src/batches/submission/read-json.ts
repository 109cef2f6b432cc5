import { accept, refuse, type Outcome } from '../../outcome/index.ts';
import { UnreadableItem } from './check-items.ts';
import { isPlainObject } from './check-params.ts';
import { lineAndColumn, parseJson } from './json-text.ts';
import type { Problems } from './problems.ts';
import type { RawItem, RawSubmission } from './submission.ts';

/** Reads `{request_id, model, items: [...], ...}`. */
export function readJson(text: string, mostItems: number, problems: Problems): Outcome<RawSubmission> {
  const parsed = parseJson(text);
  if (!parsed.ok) {
    const { line, column } = lineAndColumn(text, parsed.fault.offset);
    const detail = `The body is not valid JSON at line ${line}, column ${column}: ${parsed.fault.detail}.`;
    return refuse({ code: 'invalid_request', detail: text.trim() === '' ? 'The body is empty.' : detail });
  }
  if (!isPlainObject(parsed.value)) {
    return refuse({ code: 'invalid_request', detail: 'The body must be a JSON object.' });
  }
  const fields = new Map(Object.entries(parsed.value));
  const items = fields.get('items');
  fields.delete('items');
  if (!Array.isArray(items)) {
    const detail = '`items` must be an array of objects with a `prompt`.';
    problems.addToRequest('items', items === undefined ? 'required' : 'wrong_type', detail);
    // The count is treated as valid, so that a missing list is not also reported as too short.
    return accept({ fields, items: [], itemCount: Number.NaN });
  }
  const values: readonly unknown[] = items;
  return accept({
    fields,
    items: values.slice(0, mostItems).map((value) => ({ line: null, value })),
    itemCount: values.length,
  });
}

/**
 * Reads one JSON item per line (application/x-ndjson). Blank lines are skipped; an invalid line counts as one wrong
 * item.
 */
export function readNdjson(text: string, mostItems: number): Omit<RawSubmission, 'fields'> {
  const items: RawItem[] = [];
  let itemCount = 0;
  let line = 1;
  for (let start = 0; start < text.length; line += 1) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    if (!isBlank(text, start, end)) {
      itemCount += 1;
      if (itemCount <= mostItems) items.push({ line, value: readLine(text.slice(start, end)) });
    }
    start = end + 1;
  }
  return { items, itemCount };
}

function isBlank(text: string, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) {
    if (!' \t\r'.includes(text.charAt(at))) return false;
  }
  return true;
}

function readLine(text: string): unknown {
  const parsed = parseJson(text);
  if (parsed.ok) return parsed.value;
  return new UnreadableItem(`The line is not valid JSON at column ${parsed.fault.offset + 1}: ${parsed.fault.detail}.`);
}
