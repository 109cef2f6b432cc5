/** Edits (insert, delete, replace, swap neighbours) from one word to the other: optimal string alignment distance. */
function distance(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const same = from[row - 1] === to[column - 1];
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current.push(
        Math.min(
          (last[column] ?? 0) + 1,
          (current[column - 1] ?? 0) + 1,
          (last[column - 1] ?? 0) + (same ? 0 : 1),
          swapped ? (beforeLast[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    beforeLast = last;
    last = current;
  }
  return last[to.length] ?? 0;
}

const LONGEST_TYPO = 64;

function normalize(name: string): string {
  return name
    .trim()
    .toLowerCase()
    .replaceAll(/[\s_-]+/g, '_');
}

/** The candidate that a mistyped name probably means, or null when none is similar. Ignores case and separators. */
export function closestName(name: string, candidates: readonly string[]): string | null {
  const wanted = normalize(name);
  if (wanted === '' || wanted.length > LONGEST_TYPO) return null;
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of candidates) {
    const edits = distance(wanted, normalize(candidate));
    if (edits < bestDistance) {
      best = candidate;
      bestDistance = edits;
    }
  }
  return best;
}

/** ` Did you mean "prompt"?`, or an empty string when no candidate is similar. */
export function suggestion(name: string, candidates: readonly string[]): string {
  const closest = closestName(name, candidates);
  return closest === null ? '' : ` Did you mean ${JSON.stringify(closest)}?`;
}

/** At most 64 characters of a name that a client sent, safe to send back in JSON. */
export function shortened(name: string): string {
  return name.slice(0, LONGEST_TYPO).replaceAll(/\p{Surrogate}/gu, '\ufffd');
}

/** A name that a client sent, shortened and in double quotes, for a message. */
export function quoted(name: string): string {
  return JSON.stringify(name.length > LONGEST_TYPO ? `${shortened(name)}…` : shortened(name));
}
