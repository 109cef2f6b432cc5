import { expect, test } from 'vitest';
import { parseDirectives } from './directives.ts';

const NONE = parseDirectives('a prompt without any');

test.each([
  ['[sim:fail]', { fail: true }],
  ['a cat [sim:fail_once] on a roof', { failOnce: true }],
  ['[sim:moderate]', { moderateInput: true }],
  ['[sim:moderate_output]', { moderateOutput: true }],
  ['[sim:timeout]', { neverFinish: true }],
  ['[sim:reject]', { reject: true }],
  ['猫[sim:drop]🎬', { drop: true }],
  ['[sim:expire]', { expire: true }],
  ['[sim:delay=5s]', { delayMs: 5_000 }],
  ['[sim:delay=0.25s]', { delayMs: 250 }],
  ['[sim:delay=40ms]', { delayMs: 40 }],
  ['[sim:delay=2m]', { delayMs: 120_000 }],
  ['[sim:delay=0ms]', { delayMs: 0 }],
  ['[sim:drop] then [sim:fail][sim:delay=1s]', { drop: true, fail: true, delayMs: 1_000 }],
])('%s', (prompt, expected) => {
  expect(parseDirectives(prompt)).toEqual({ ...NONE, ...expected });
});

test.each([
  'sim:fail',
  '[sim:fail',
  '[sim:]',
  '[sim:nothing]',
  '[sim:delay]',
  '[sim:delay=5]',
  '[sim:delay=-5s]',
  '[sim:fail=5s]',
])('%s is part of the prompt and decides nothing', (prompt) => {
  expect(parseDirectives(prompt)).toEqual(NONE);
});
