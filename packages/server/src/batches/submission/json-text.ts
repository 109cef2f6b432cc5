import type { ItemErrorCode } from '@rushes/contract';

export interface JsonFault {
  readonly code: ItemErrorCode;
  /** From 0, in UTF-16 units. */
  readonly offset: number;
  readonly detail: string;
}

export type JsonResult =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly fault: JsonFault };

/** A batch nests four deep. */
const MAX_DEPTH = 16;
/** A full batch with every parameter set has 80,000 commas; what is far past it only costs time and memory. */
const MAX_VALUES = 250_000;

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /true|false|null/y;
const SPACE = /[ \t\n\r]*/y;
/** RFC 8259, section 7. */
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/**
 * JSON.parse with limits for depth and number of values, which reports the place of the first fault. A name that occurs
 * twice in an object is a fault too (RFC 8259, section 4, does not define its meaning): of two spend limits, nobody
 * knows which one was meant.
 */
export function parseJson(text: string): JsonResult {
  const { excess, names } = scan(text);
  if (excess !== null) return { ok: false, fault: excess };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, fault: findFault(text) };
  }
  // Of two equal names JSON.parse drops one. Counting costs a tenth of comparing them while they are read.
  return countNames(value) === names ? { ok: true, value } : { ok: false, fault: findRepeatedName(text) };
}

interface Scan {
  readonly excess: JsonFault | null;
  /** How many names the objects have together, in sound JSON. */
  readonly names: number;
}

/** Looks at what stands outside of strings only, so that megabytes of prompts cost next to nothing. */
function scan(text: string): Scan {
  let depth = 0;
  let values = 0;
  let names = 0;
  const exceeds = (code: ItemErrorCode, offset: number, detail: string): Scan => ({
    excess: { code, offset, detail },
    names,
  });
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case 0x22: {
        at = endOfString(text, at);
        break;
      }
      case 0x3a: {
        names += 1;
        break;
      }
      case 0x5b:
      case 0x7b: {
        depth += 1;
        if (depth > MAX_DEPTH) return exceeds('bad_syntax', at, `nested more than ${MAX_DEPTH} deep`);
        break;
      }
      case 0x5d:
      case 0x7d: {
        depth -= 1;
        break;
      }
      case 0x2c: {
        values += 1;
        if (values > MAX_VALUES) return exceeds('too_many', at, `more than ${MAX_VALUES} values`);
        break;
      }
      default: {
        break;
      }
    }
  }
  return { excess: null, names };
}

function countNames(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let count = Array.isArray(value) ? 0 : Object.keys(value).length;
  for (const inner of Object.values(value)) count += countNames(inner);
  return count;
}

/** The offset where a name occurs for the second time in its object. Runs only on valid JSON that has such a name. */
function findRepeatedName(text: string): JsonFault {
  const open: (Set<string> | null)[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '{' || character === '[') open.push(character === '{' ? new Set() : null);
    else if (character === '}' || character === ']') open.pop();
    else if (character === '"') {
      const end = endOfString(text, at);
      const names = open.at(-1);
      if (names instanceof Set && text[matchAt(SPACE, text, end + 1)] === ':') {
        const name = String(JSON.parse(text.slice(at, end + 1)));
        if (names.has(name)) {
          return { code: 'bad_syntax', offset: at, detail: 'this name occurs twice in the object' };
        }
        names.add(name);
      }
      at = end;
    }
  }
  throw new Error('JSON.parse dropped a name that does not come twice');
}

/** Offset of the quote that ends the string begun at `start`, or the text's end. */
function endOfString(text: string, start: number): number {
  let quote = start;
  do {
    quote = text.indexOf('"', quote + 1);
    if (quote < 0) return text.length;
  } while (isEscaped(text, quote));
  return quote;
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text.charCodeAt(at - 1 - backslashes) === 0x5c) backslashes += 1;
  return backslashes % 2 === 1;
}

function matchAt(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : -1;
}

/** First offset at which `text` stops being JSON. Runs only on text that JSON.parse refused. */
function findFault(text: string): JsonFault {
  const fault = (offset: number, expected: string): JsonFault => ({
    code: 'bad_syntax',
    offset,
    detail: offset >= text.length ? `the text ends where ${expected} is expected` : `${expected} is expected here`,
  });
  const open: ('{' | '[')[] = [];
  let expecting: 'value' | 'value or ]' | 'name' | 'name or }' | 'after value' = 'value';
  for (let at = matchAt(SPACE, text, 0); ; at = matchAt(SPACE, text, at)) {
    const character = text[at];
    if (expecting === 'after value') {
      const innermost = open.at(-1);
      if (innermost === undefined) return fault(at, 'the end');
      if (character === ',') expecting = innermost === '{' ? 'name' : 'value';
      else if (character === (innermost === '{' ? '}' : ']')) open.pop();
      else return fault(at, innermost === '{' ? '"," or "}"' : '"," or "]"');
      at += 1;
      continue;
    }
    if (expecting === 'name' || expecting === 'name or }') {
      if (character === '}' && expecting === 'name or }') {
        open.pop();
        expecting = 'after value';
        at += 1;
        continue;
      }
      if (character !== '"') return fault(at, 'a name in double quotes');
      const end = stringEnd(text, at);
      if (end < 0) return stringFault(text, at);
      at = matchAt(SPACE, text, end);
      if (text[at] !== ':') return fault(at, '":"');
      at += 1;
      expecting = 'value';
      continue;
    }
    if (character === ']' && expecting === 'value or ]') {
      open.pop();
      expecting = 'after value';
      at += 1;
      continue;
    }
    if (character === '{' || character === '[') {
      open.push(character);
      expecting = character === '{' ? 'name or }' : 'value or ]';
      at += 1;
      continue;
    }
    if (character === '"' && stringEnd(text, at) < 0) return stringFault(text, at);
    const end = character === '"' ? stringEnd(text, at) : Math.max(matchAt(NUMBER, text, at), matchAt(WORD, text, at));
    if (end < 0) return fault(at, 'a value');
    at = end;
    expecting = 'after value';
  }
}

/** One expression for a whole string would overflow its stack on a long one. */
function stringEnd(text: string, start: number): number {
  const end = endOfString(text, start);
  return end < text.length && badCharacter(text, start, end) < 0 ? end + 1 : -1;
}

function badCharacter(text: string, start: number, end: number): number {
  for (let at = start + 1; at < end; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x20) return at;
    if (code !== 0x5c) continue;
    const next = matchAt(ESCAPE, text, at);
    if (next < 0) return at;
    at = next - 1;
  }
  return -1;
}

function stringFault(text: string, start: number): JsonFault {
  const end = endOfString(text, start);
  const bad = badCharacter(text, start, end);
  if (bad < 0) return { code: 'bad_syntax', offset: start, detail: 'this string has no closing quote' };
  const detail = text[bad] === '\\' ? 'unknown escape sequence' : 'a control character in a string must be escaped';
  return { code: 'bad_syntax', offset: bad, detail };
}

/** Line and column of an offset, both from 1; the column in UTF-16 units, as editors count. */
export function lineAndColumn(text: string, offset: number): { readonly line: number; readonly column: number } {
  let line = 1;
  let start = 0;
  for (let at = text.indexOf('\n'); at >= 0 && at < offset; at = text.indexOf('\n', at + 1)) {
    line += 1;
    start = at + 1;
  }
  return { line, column: offset - start + 1 };
}
