/** Enough to understand a failure; a hostile or broken upstream must not fill the database. */
const MAX_DETAIL_CHARACTERS = 500;

/**
 * Makes an upstream's text fit to be stored and shown to the operator: our secrets taken out, control characters
 * (NUL included, which Postgres refuses) and unpaired surrogates replaced, at most 500 characters.
 */
export function operatorDetail(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of secrets) {
    if (secret !== '') clean = clean.replaceAll(secret, '[redacted]');
  }
  // Encoding replaces unpaired surrogates by U+FFFD.
  const wellFormed = Buffer.from(clean).toString();
  clean = wellFormed.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').trim();
  if (clean.length <= MAX_DETAIL_CHARACTERS) return clean;
  // Cutting between the halves of a surrogate pair would make the text unstorable again.
  return clean.slice(0, MAX_DETAIL_CHARACTERS - 1).replace(/[\uD800-\uDBFF]$/, '') + '…';
}
