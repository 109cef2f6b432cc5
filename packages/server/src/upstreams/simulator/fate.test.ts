import { expect, test } from 'vitest';
import { parseDirectives } from './directives.ts';
import { decideFate, type FateSettings } from './fate.ts';

const SETTINGS: FateSettings = { seed: 'seed-1', latencyMs: [500, 3_000], failureRate: 0.3 };
const NONE = parseDirectives('');
const PROMPTS = Array.from({ length: 2_000 }, (_, index) => `prompt ${index}`);

const fatesOf = (settings: FateSettings) => PROMPTS.map((prompt) => decideFate(settings, prompt, 1, NONE));

test('a seed decides every latency and every failure', () => {
  expect(fatesOf(SETTINGS)).toEqual(fatesOf({ ...SETTINGS }));
  expect(fatesOf({ ...SETTINGS, seed: 'seed-2' })).not.toEqual(fatesOf(SETTINGS));
});

test('latencies fill their range and failures come at their rate', () => {
  const fates = fatesOf(SETTINGS);
  const latencies = fates.map(({ latencyMs }) => latencyMs);
  expect(Math.min(...latencies)).toBeGreaterThanOrEqual(500);
  expect(Math.min(...latencies)).toBeLessThan(600);
  expect(Math.max(...latencies)).toBeLessThanOrEqual(3_000);
  expect(Math.max(...latencies)).toBeGreaterThan(2_900);
  const failed = fates.filter(({ outcome }) => outcome === 'error').length;
  expect(failed / fates.length).toBeGreaterThan(0.25);
  expect(failed / fates.length).toBeLessThan(0.35);
});

test('the next generation of a prompt has a fate of its own', () => {
  const latencies = new Set([1, 2, 3, 4, 5].map((nth) => decideFate(SETTINGS, 'a cat', nth, NONE).latencyMs));
  expect(latencies.size).toBeGreaterThan(1);
});

test('the failure rate reaches nobody at 0, everybody at 1, and no fate that a directive made certain', () => {
  expect(fatesOf({ ...SETTINGS, failureRate: 0 }).every(({ outcome }) => outcome === 'succeeded')).toBe(true);
  expect(fatesOf({ ...SETTINGS, failureRate: 1 }).every(({ outcome }) => outcome === 'error')).toBe(true);
  const always: FateSettings = { ...SETTINGS, failureRate: 1 };
  const outcomeOf = (prompt: string, nth: number) => decideFate(always, prompt, nth, parseDirectives(prompt)).outcome;
  expect(outcomeOf('[sim:fail_once]', 2)).toBe('succeeded');
  expect(outcomeOf('[sim:drop]', 1)).toBe('succeeded');
  expect(outcomeOf('[sim:expire]', 1)).toBe('succeeded');
  expect(outcomeOf('[sim:moderate]', 1)).toBe('input_moderation');
  expect(outcomeOf('[sim:delay=5s]', 1)).toBe('error');
});
