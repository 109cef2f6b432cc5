import { describe, expect, test } from 'vitest';
import { classifyMessage, plainlyOurTrouble } from './grsai-refusals.ts';
import { withoutEcho } from './prompt-echo.ts';

describe('a refusal in words', () => {
  test.each([
    ['Insufficient account balance, please recharge', 'provider_unavailable'],
    ['You exceeded your current quota, please check your plan and billing details', 'provider_unavailable'],
    ['Payment Required', 'provider_unavailable'],
    ['account credits have been used up', 'provider_unavailable'],
    ['您的积分已用完，请充值', 'provider_unavailable'],
    ['permission denied', 'provider_unavailable'],
    ['invalid token', 'provider_unavailable'],
    ['Your account has been suspended for violating our usage policies', 'provider_unavailable'],
    ['账号因违规内容已被封禁', 'provider_unavailable'],
  ] as const)('that concerns our own account is nobody else\'s fault: "%s"', (message, type) => {
    expect(classifyMessage(message, 'provider_error')).toBe(type);
  });

  test.each([
    ['content moderation service is temporarily unavailable', 'provider_unavailable'],
    ['the moderation service is down', 'provider_unavailable'],
    ['safety review crashed: internal error', 'provider_error'],
    ['failed to call the moderation service', 'provider_error'],
    ['the prompt passed moderation, the generation failed', 'provider_error'],
    ['generation failed (no content policy violation was found)', 'provider_error'],
    ['moderation request timed out', null],
  ] as const)('of a moderation that judged nobody costs nobody credits: "%s"', (message, type) => {
    expect(classifyMessage(message, 'provider_error')).toBe(type);
  });

  test.each([
    'Your prompt was flagged by our safety system',
    'The user prompt was flagged as inappropriate',
    'This content may violate our guardrails concerning violence',
    'the prompt did not pass content moderation',
    'prompt has not passed moderation',
    'blocked by content filter',
    'Prompt violates our content policies',
    'unsafe content detected',
    '提示词包含敏感内容',
    '审核不通过',
  ])('that judges the content is moderation: "%s"', (message) => {
    expect(classifyMessage(message, 'provider_error')).toBe('moderation_input');
  });

  test.each([
    'invalid response: upstream timeout',
    'service temporarily unavailable: gateway timeout',
    'the model no longer answered: timeout',
    'read ECONNRESET',
    'socket hang up',
    'upstream connection reset before the answer',
  ])('that tells of a broken answer leaves open what was started, whatever else it says: "%s"', (message) => {
    expect(classifyMessage(message, 'provider_error')).toBeNull();
  });

  test.each(['internal server error: invalid state', 'invalid response from the backend'])(
    'that tells of an error of theirs is not the request\'s fault: "%s"',
    (message) => {
      expect(classifyMessage(message, 'provider_error')).toBe('provider_error');
    },
  );
});

test('a message without end does not hold the worker up', () => {
  // Quadratic in its length, this takes minutes.
  expect(classifyMessage('model account moderation '.repeat(40_000), 'provider_error')).toBe('moderation_input');
});

test('a failed generation is news of our account only when the message begins with it', () => {
  expect(plainlyOurTrouble('insufficient credits')).toBe('provider_unavailable');
  expect(plainlyOurTrouble(' rate limit exceeded ')).toBe('provider_rate_limited');
  expect(plainlyOurTrouble('could not draw "insufficient credits"')).toBeNull();
  expect(plainlyOurTrouble(`insufficient credits ${'x'.repeat(200)}`)).toBeNull();
  expect(plainlyOurTrouble('it broke')).toBeNull();
});

describe('a prompt that an error repeats', () => {
  test.each([
    ['whole', 'cannot draw: a poster about content policy', 'a poster about content policy', 'cannot draw:'],
    ['twice', 'a red kite in May / a red kite in May', 'a red kite in May', '/'],
    ['cut off', 'no: a poster about conte... is bad', 'a poster about content policy', 'no: ... is bad'],
    ['as JSON', 'no: say \\"content policy\\" twice.', 'say "content policy" twice', 'no: .'],
    ['short and in quotes', 'invalid prompt "nsfw"', 'nsfw', 'invalid prompt'],
  ])('is no part of what it says (%s)', (_how, message, prompt, rest) => {
    expect(withoutEcho(message, prompt).replace(/\s+/g, ' ').trim()).toBe(rest);
  });

  test('leaves words that only happen to be in both', () => {
    const message = 'rejected by content moderation';
    for (const prompt of ['', ' ', 'moderation', 'a film about content moderation', 'rejected by']) {
      expect(withoutEcho(message, prompt)).toBe(message);
    }
  });

  test('is taken out in time that grows with the message only', () => {
    const prompt = 'aaaaaaaaaaaaaaab'.repeat(300);
    const message = 'a'.repeat(65_000);
    expect(withoutEcho(message, prompt).length).toBeLessThan(message.length);
  });
});
