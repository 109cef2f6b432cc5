import type { ItemErrorCode } from '@rushes/contract';
import { lineAndColumn, parseJson } from '../batches/index.ts';
import { accept, refuse, type Outcome } from '../outcome/index.ts';

function refuseBody(code: ItemErrorCode, detail: string, param: string | null = null): Outcome<never> {
  return refuse({
    code: 'invalid_request',
    detail,
    ...(param === null ? {} : { param }),
    errors: [{ index: null, custom_id: null, param, code, detail }],
  });
}

/** Path of the first string that PostgreSQL and UTF-8 have no place for, or null. */
function forbiddenText(value: unknown, path: string): string | null {
  if (typeof value === 'string') return value.includes('\0') || !value.isWellFormed() ? path : null;
  if (typeof value !== 'object' || value === null) return null;
  for (const [key, inner] of Object.entries(value)) {
    const at = path === '' ? key : `${path}.${key}`;
    if (key.includes('\0') || !key.isWellFormed()) return path;
    const found = forbiddenText(inner, at);
    if (found !== null) return found;
  }
  return null;
}

/** A JSON object from a small body. An empty body is an empty object: every field of such a request is optional. */
export function parseJsonBody(bytes: Uint8Array): Outcome<object> {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return refuseBody('bad_syntax', 'The body is not UTF-8 text.');
  }
  if (text.trim() === '') return accept({});
  const parsed = parseJson(text);
  if (!parsed.ok) {
    const { line, column } = lineAndColumn(text, parsed.fault.offset);
    const detail = `The body is not valid JSON at line ${line}, column ${column}: ${parsed.fault.detail}.`;
    return refuseBody(parsed.fault.code, detail);
  }
  const { value } = parsed;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuseBody('wrong_type', 'The body must be a JSON object.');
  }
  const forbidden = forbiddenText(value, '');
  if (forbidden !== null) {
    return refuseBody('forbidden_character', 'Text must not contain NUL characters or unpaired surrogates.', forbidden);
  }
  return accept(value);
}
