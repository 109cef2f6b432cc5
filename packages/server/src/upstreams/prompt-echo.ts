/** From so many characters on, a prompt's beginning is known again wherever it stands. */
const ECHO_CHARACTERS = 12;
const QUOTES: readonly (readonly [open: string, close: string])[] = [
  ['"', '"'],
  ["'", "'"],
  ['`', '`'],
  ['“', '”'],
  ['‘', '’'],
  ['「', '」'],
];

/**
 * An upstream's message without the prompt that it repeats, whole or cut off. A customer's own words must pass neither for
 * the upstream's verdict on them, which can cost credits, nor for news of the upstream, which would close its route to all.
 */
export function withoutEcho(message: string, prompt: string): string {
  let rest = message;
  for (const text of new Set([prompt, prompt.trim(), JSON.stringify(prompt).slice(1, -1)])) {
    if (text.length >= ECHO_CHARACTERS) rest = withoutBeginnings(rest, text);
    // A word or two could be anybody's, so they must stand in quotes.
    else if (text !== '') for (const [open, close] of QUOTES) rest = rest.replaceAll(open + text + close, ' ');
  }
  return rest;
}

/** Takes out, wherever the text begins in the message, as much of it as follows. */
function withoutBeginnings(message: string, text: string): string {
  const beginning = text.slice(0, ECHO_CHARACTERS);
  let rest = '';
  let from = 0;
  for (let at = message.indexOf(beginning); at !== -1; at = message.indexOf(beginning, from)) {
    let length = beginning.length;
    while (length < text.length && at + length < message.length && message[at + length] === text[length]) length += 1;
    rest += `${message.slice(from, at)} `;
    from = at + length;
  }
  return rest + message.slice(from);
}
