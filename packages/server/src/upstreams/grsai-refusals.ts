import type { UpstreamFailure } from './upstream.ts';

type RefusalType = UpstreamFailure['type'];
type Rule = readonly [pattern: RegExp, type: RefusalType | null];

/** What only the operator can mend, or time: our account with Grsai, our key, and too much at once. */
const OURS: readonly Rule[] = [
  [
    /insufficient\s+(account\s+|user\s+)?(credit|balance|quota|fund|point|token)|(not enough|no|low|out of|exhausted)\s+(account\s+|more\s+|available\s+)?(credit|balance|quota|fund|point)|(credit|balance|quota|fund|point)s?\s+(is |are |has been |have been )?(not enough|insufficient|exhausted|exceeded|used up|too low|depleted)|exceeded (your|the) (current )?(quota|balance|spending)|payment required|\bbilling\b|\b(recharge|top[\s-]?up)\b/i,
    'provider_unavailable',
  ],
  [/(余额|积分|额度|点数)(已)?(不足|不够|用完|耗尽)|欠费|请充值/, 'provider_unavailable'],
  [
    /\bapi[\s_-]?key\b|\bapikey\b|unauthori[sz]ed|authenticat|not authori[sz]ed|permission denied|access denied|\b(access )?token (is )?(invalid|expired)|\binvalid (access |bearer )?token\b/i,
    'provider_unavailable',
  ],
  // Banned for breaking a policy is the whole account, not the prompt that happened to be sent next.
  [
    /\b(account|access|organi[sz]ation)\b( (has|have|is|was|been|temporarily|permanently|currently))* (suspended|disabled|banned|blocked|frozen|deactivated|terminated|restricted|revoked|flagged)\b|(账号|账户|帐号|帐户)[^。；]*(封|禁|冻结|停用)/i,
    'provider_unavailable',
  ],
  [
    /\brate[\s_-]?limit|\brate exceeded|too many (requests|tasks|generations)|concurren(t|cy)|too frequent|限流|频繁/i,
    'provider_rate_limited',
  ],
];

/**
 * Leaves open whether something was started: a gateway of theirs gave up waiting. It outranks whatever else the message
 * says, since every other reading would have the task sent again as if nothing had happened.
 */
const UNKNOWN_OUTCOME: Rule = [
  /\btime(d)?[\s-]?out\b|deadline exceeded|gateway error|bad gateway|\beconn[a-z]+\b|socket hang up|connection (was )?(reset|closed|aborted|lost)|超时/i,
  null,
];

/**
 * Grsai tells why it refused only in words. The first match wins: what is ours or theirs to fix stands before what is
 * the customer's, and moderation (which can cost the customer credits) takes unmistakable words only.
 */
const MESSAGES: readonly Rule[] = [
  ...OURS,
  UNKNOWN_OUTCOME,
  [
    /\bmodel\b[^.;]*\b(not found|not exist|does ?n[o']t exist|not supported|unsupported|unknown|retired|deprecated|discontinued|no longer)|\b(unknown|unsupported|invalid|no such) model\b|模型不存在|模型已下线/i,
    'model_retired',
  ],
  // A moderation that is out of order has judged nobody.
  [
    /\b(moderation|safety|review|filter)\b[^.;]*\b(unavailable|temporarily|overloaded|busy|maintenance|down|offline|not respond)/i,
    'provider_unavailable',
  ],
  [
    /\b(moderation|safety|review|filter)\b[^.;]*\b(internal error|crash(ed)?|exception|(failed to|could not( be)?) (run|respond|complete|load|reach)(ed)?\b)|\b(unable to|could not|failed to|cannot) (run|reach|call|complete|perform|connect to) [a-z ]*(moderation|safety|review)\b|(?<!not |n't |never )\bpassed (the |our |input |content )*(moderation|review)|\b(without|no) (a )?((content )?moderation|(content )?policy) (violation|problem|issue)|\bnot (a|due to|caused by|related to)( a| any)? (content )?(moderation|policy)/i,
    'provider_error',
  ],
  [
    /\bmoderat(ion|ed)\b|content[\s_-](policy|policies|filter)|usage polic|policy violation|violat(es?|ed|ing) (our|the) [a-z ]*(polic|guideline|guardrail)|\bguardrails?\b|\bsafety (system|filter|guideline|polic|check|setting)|\b(flagged|blocked) (by|as|for) [a-z ]*(safety|unsafe|harmful|inappropriate|sensitive|policy)|\bnsfw\b|(prohibited|inappropriate|harmful|unsafe|disallowed) (content|prompt)|sensitive (content|word|information)|(内容|提示词)[^。；]{0,6}(违规|不合规)|违规内容|敏感(词|内容)|审核(不|未)通过/i,
    'moderation_input',
  ],
  [
    /maintenance|temporarily|overload|unavailable|try again later|server (is )?busy|system (is )?busy|服务器?繁忙|系统繁忙/i,
    'provider_unavailable',
  ],
  [/\binternal (server )?error|\binvalid (response|answer|reply)\b/i, 'provider_error'],
  [
    /\binvalid\b|\bparam(eter)?s?\b|\bmissing\b|\brequired\b|\bmalformed\b|\bmust be\b|too long|参数/i,
    'invalid_request',
  ],
];

/** Room for any reason that is one; on a text without end the patterns would take minutes. */
const REASON_CHARACTERS = 2_000;

/** What an error message of Grsai means; null when even the message leaves open whether something was started. */
export function classifyMessage(message: string, otherwise: RefusalType): RefusalType | null {
  const reason = message.slice(0, REASON_CHARACTERS);
  for (const [pattern, type] of MESSAGES) {
    if (pattern.test(reason)) return type;
  }
  return otherwise;
}

/** What a message says about our own account, key or pace; null when it says nothing of them. */
export function ourTrouble(message: string): RefusalType | null {
  const reason = message.slice(0, REASON_CHARACTERS);
  return OURS.find(([pattern]) => pattern.test(reason))?.[1] ?? null;
}

/** Longer ones than these are stories, in which a prompt may be told again. */
const PLAIN_WORDS_CHARACTERS = 120;

/**
 * Like `ourTrouble`, of why a generation failed that was started: only when the message begins with it. Each wrong guess
 * would start another generation without an end, and a prompt told again in the message must not bring that about.
 */
export function plainlyOurTrouble(message: string): RefusalType | null {
  const text = message.trim();
  if (text.length > PLAIN_WORDS_CHARACTERS) return null;
  return OURS.find(([pattern]) => pattern.exec(text)?.index === 0)?.[1] ?? null;
}
