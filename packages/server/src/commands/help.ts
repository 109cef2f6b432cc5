/** How help is laid out on a terminal. */
import type { Command } from './command.ts';

/** Text in lines of at most `columns` characters, broken between words; a longer word gets a line of its own. */
function wrap(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** Names with what they mean beside them; below them where the terminal is too narrow for both. */
function table(rows: readonly (readonly [name: string, meaning: string])[], columns: number): readonly string[] {
  const left = Math.max(0, ...rows.map(([name]) => name.length)) + 4;
  const isNarrow = columns - left < 30;
  const indent = isNarrow ? 6 : left;
  return rows.flatMap(([name, meaning]) => {
    const [first = '', ...more] = wrap(meaning, columns - indent).map((line) => ' '.repeat(indent) + line);
    const named = `  ${name}`;
    return isNarrow ? [named, first, ...more] : [named + first.slice(named.length), ...more];
  });
}

/** @param columns of the terminal */
export function overviewOf(commands: readonly Pick<Command, 'name' | 'summary'>[], columns: number): string {
  const more =
    '"rushes-server COMMAND --help" explains a command. Settings come from environment variables: docs/configuration.md.';
  return [
    ...wrap('rushes-server: batch AI video generation with a credit ledger.', columns),
    '',
    'Usage: rushes-server COMMAND [options]',
    '',
    'Commands:',
    ...table(
      commands.map(({ name, summary }) => [name, summary]),
      columns,
    ),
    '',
    ...wrap(more, columns),
  ].join('\n');
}

/** @param columns of the terminal */
export function helpOf(command: Command, columns: number): string {
  const words = ['rushes-server', command.name, ...(command.arguments ?? []).map((name) => name.toUpperCase())];
  const rows = Object.entries(command.flags).map(([name, flag]): [string, string] => [
    `--${name}${flag.type === 'string' ? ` ${flag.value ?? 'TEXT'}` : ''}`,
    flag.help,
  ]);
  return [
    ...wrap(command.summary, columns),
    '',
    `Usage: ${words.join(' ')} [options]`,
    ...(rows.length > 0 ? ['', 'Options:', ...table(rows, columns)] : []),
  ].join('\n');
}
