import { ANSWER_EXCERPT_BYTES } from './limits.ts';

/**
 * The beginning of an answer's body as text that a database column, a terminal and a web page can take: what is not
 * UTF-8 and every control character but tab and line ends becomes U+FFFD. Null for an empty body.
 */
export function excerptOf(body: Uint8Array): string | null {
  if (body.length === 0) return null;
  // In streaming mode a character that the cut went through is left out instead of becoming U+FFFD.
  const text = new TextDecoder('utf-8').decode(body.subarray(0, ANSWER_EXCERPT_BYTES), { stream: true });
  return text.replace(/[^\P{Cc}\t\n\r]/gu, '\uFFFD');
}
