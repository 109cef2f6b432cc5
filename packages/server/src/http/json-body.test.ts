import { describe, expect, it } from 'vitest';
import { parseJsonBody } from './json-body.ts';

function refusalOf(text: string | Uint8Array): { param: string | undefined; code: string | undefined } | null {
  const parsed = parseJsonBody(typeof text === 'string' ? new TextEncoder().encode(text) : text);
  return parsed.ok ? null : { param: parsed.refusal.param, code: parsed.refusal.errors?.[0]?.code };
}

describe('parseJsonBody', () => {
  it('takes objects, with a byte order mark too, and nothing at all for an empty object', () => {
    expect(parseJsonBody(new TextEncoder().encode('\ufeff{"a":1}'))).toEqual({ ok: true, value: { a: 1 } });
    expect(parseJsonBody(new Uint8Array())).toEqual({ ok: true, value: {} });
  });

  it.each([
    ['{"a":', 'bad_syntax'],
    ['[]', 'wrong_type'],
    ['null', 'wrong_type'],
    ['"text"', 'wrong_type'],
    ['{"credits":1,"credits":2}', 'bad_syntax'],
    [`{"a":${'['.repeat(30_000)}${']'.repeat(30_000)}}`, 'bad_syntax'],
  ])('refuses %.40s', (text, code) => {
    expect(refusalOf(text)?.code).toBe(code);
  });

  it('refuses what is not UTF-8', () => {
    expect(refusalOf(Uint8Array.of(0x7b, 0xff, 0x7d))?.code).toBe('bad_syntax');
  });

  it('names where a NUL or an unpaired surrogate stands, in values, names and deep inside', () => {
    expect(refusalOf('{"a":{"b":["x","\\u0000"]}}')).toEqual({ param: 'a.b.1', code: 'forbidden_character' });
    expect(refusalOf('{"a":"\\ud800"}')).toEqual({ param: 'a', code: 'forbidden_character' });
    expect(refusalOf('{"\\u0000":1}')?.code).toBe('forbidden_character');
    expect(refusalOf('{"a":"\\ud83d\\ude00"}')).toBeNull();
  });
});
