import { CliError } from './cli-error.ts';
import { EXIT } from './exit-codes.ts';

/** Edits (insert, delete, replace, swap of neighbours) that lead from one word to the other: optimal string alignment. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, at) => at)];
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min((rows[i - 1]?.[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (rows[i - 1]?.[j - 1] ?? 0) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, (rows[i - 2]?.[j - 2] ?? 0) + 1);
      row.push(best);
    }
    rows.push(row);
  }
  return rows[a.length]?.[b.length] ?? 0;
}

/** The known word that was probably meant. */
function closest(word: string, known: readonly string[]): string | null {
  const ranked = known.map((each) => ({ each, edits: distance(word, each) })).sort((a, b) => a.edits - b.edits);
  const [best] = ranked;
  return best !== undefined && best.edits <= Math.max(1, Math.floor(word.length / 3)) ? best.each : null;
}

/**
 * The error for words that name no command, or null when they do. `ids` are oclif's, such as `ledger:export`.
 */
export function unknownCommand(argv: readonly string[], ids: readonly string[]): CliError | null {
  let topic: string | null = null;
  for (const word of argv) {
    if (word.startsWith('-')) return null;
    const prefix: string = topic === null ? '' : `${topic}:`;
    const known = [
      ...new Set(ids.filter((id) => id.startsWith(prefix)).map((id) => firstWord(id.slice(prefix.length)))),
    ];
    if (!known.includes(word)) {
      const before = topic === null ? null : topic.replaceAll(':', ' ');
      return unknown(before === null ? word : `${before} ${word}`, closest(word, known), before);
    }
    topic = `${prefix}${word}`;
    // What follows a command are its arguments.
    if (ids.includes(topic)) return null;
  }
  return null;
}

function firstWord(id: string): string {
  return id.split(':')[0] ?? id;
}

function unknown(words: string, suggestion: string | null, topic: string | null): CliError {
  const prefix = topic === null ? 'rushes' : `rushes ${topic}`;
  const advice = suggestion === null ? [] : [`Did you mean "${prefix} ${suggestion}"?`];
  return new CliError('usage', `There is no command "rushes ${words}".`, {
    exitCode: EXIT.usage,
    advice: [...advice, `"${prefix} --help" lists the commands.`],
  });
}
