import type { UpstreamFailure } from './upstream.ts';

type RefusalType = UpstreamFailure['type'];

/**
 * Grsai tells why it refused only in words. The first match wins: what is ours or theirs to fix stands before what is
 * the customer's, and moderation (which can cost the customer credits) takes unmistakable words only.
 */
const MESSAGES: readonly (readonly [RegExp, RefusalType])[] = [
  [
    /insufficient\s+(account\s+)?(credit|balance|quota|fund|point)|(not enough|no|out of|exhausted)\s+(credit|balance|quota|point)|(credit|balance|quota|point)s?\s+(is |are )?(not enough|insufficient|exhausted|exceeded)/i,
    'provider_unavailable',
  ],
  [/余额不足|积分不足|额度不足/, 'provider_unavailable'],
  [
    /\bapi[\s_-]?key\b|\bapikey\b|unauthori[sz]ed|authenticat|\b(access )?token (is )?(invalid|expired)/i,
    'provider_unavailable',
  ],
  [
    /\brate[\s_-]?limit|\brate exceeded|too many (requests|tasks|generations)|concurren(t|cy)|too frequent|限流|频繁/i,
    'provider_rate_limited',
  ],
  [
    /\bmodel\b[^.;]*\b(not found|not exist|does ?n[o']t exist|not supported|unsupported|unknown|retired|deprecated|discontinued|no longer)|\b(unknown|unsupported|invalid|no such) model\b|模型不存在|模型已下线/i,
    'model_retired',
  ],
  [
    /\bmoderat(ion|ed)\b|content[\s_-]policy|usage polic|policy violation|violates? (our|the) [a-z ]*(polic|guideline)|\bnsfw\b|prohibited content|sensitive (content|word|information)|内容违规|敏感词|审核不通过|审核未通过/i,
    'moderation_input',
  ],
  [
    /maintenance|temporarily|overload|unavailable|try again later|server (is )?busy|system (is )?busy/i,
    'provider_unavailable',
  ],
  [
    /\binvalid\b|\bparam(eter)?s?\b|\bmissing\b|\brequired\b|\bmalformed\b|\bmust be\b|too long|参数/i,
    'invalid_request',
  ],
];

/** A gateway of theirs that gave up waiting does not know whether the generation started. */
const DOUBTFUL = /\btime(d)?[\s-]?out\b|deadline exceeded|gateway error|超时/i;

/** What an error message of Grsai means; null when even the message leaves open whether something was started. */
export function classifyMessage(message: string, otherwise: RefusalType): RefusalType | null {
  for (const [pattern, type] of MESSAGES) {
    if (pattern.test(message)) return type;
  }
  return DOUBTFUL.test(message) ? null : otherwise;
}
