import { closestName } from '@rushes/contract/facts/closest-name';
import { CliError } from './cli-error.ts';
import { EXIT } from './exit-codes.ts';

/** The error for words that do not name a command, or null when they do. `ids` are oclif's, such as `ledger:export`. */
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
      return unknown(before === null ? word : `${before} ${word}`, closestName(word, known), before);
    }
    topic = `${prefix}${word}`;
    // Words after a command are its arguments.
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
    advice: [...advice, `Run "${prefix} --help" to see the commands.`],
  });
}
