import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Rushes } from '../client.ts';
import { RushesError } from '../rushes-error.ts';

const KEY = `rk_live_${'A1b2'.repeat(20)}`;

beforeEach(() => {
  vi.stubEnv('RUSHES_API_KEY', '');
  vi.stubEnv('RUSHES_BASE_URL', '');
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
});

test('key and address come from the environment, blanks around them do not matter', () => {
  vi.stubEnv('RUSHES_API_KEY', `${KEY}\n`);
  expect(new Rushes().baseUrl).toBe('http://127.0.0.1:4600');
  vi.stubEnv('RUSHES_BASE_URL', 'https://rushes.example.com/sub/');
  expect(new Rushes().baseUrl).toBe('https://rushes.example.com/sub');
});

test('without a key the error says where to put one, also where there is no process', () => {
  expect(() => new Rushes()).toThrow(/RUSHES_API_KEY/);
  vi.stubGlobal('process', undefined);
  expect(() => new Rushes()).toThrow(/RUSHES_API_KEY/);
  expect(new Rushes({ apiKey: KEY }).baseUrl).toBe('http://127.0.0.1:4600');
});

test.each(['sk_live_abcdefghijklmnopqrstuvwx', `${KEY}!`, 'rk_live_short', `rk_live_${'a'.repeat(20)} b`])(
  'the key %s is refused and not quoted',
  (apiKey) => {
    const make = (): Rushes => new Rushes({ apiKey });
    expect(make).toThrow(RushesError);
    expect(make).not.toThrow(apiKey);
  },
);

test.each([
  { baseUrl: 'rushes.example.com' },
  { baseUrl: 'ftp://rushes.example.com' },
  { baseUrl: 'https://user:secret@rushes.example.com' },
  { baseUrl: 'https://rushes.example.com/?a=1' },
  { baseUrl: 'https://rushes.example.com/v1' },
  { baseUrl: 'https://rushes.example.com/sub/v1/' },
  { maxRetries: -1 },
  { maxRetries: 1.5 },
  { maxRetries: Number.NaN },
  { timeoutMs: 0 },
  { timeoutMs: Infinity },
  { timeoutMs: 2 ** 31 },
  { deadlineMs: -5 },
])('%j is refused at once', (options) => {
  const make = (): Rushes => new Rushes({ apiKey: KEY, ...options });
  expect(make).toThrow(RushesError);
  expect(make).not.toThrow(/secret/);
});
