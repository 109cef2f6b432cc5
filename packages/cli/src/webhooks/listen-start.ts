import { CliError, usageError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import type { ListenProgress } from './listen-loop.ts';

/** The flags of `webhooks listen`. */
interface ListenFlags {
  readonly 'forward-to': string | undefined;
  readonly events: readonly string[] | undefined;
  readonly 'secret-file': string | undefined;
  readonly from: string;
}

/** The seq to start after; null means now. */
export function startOf(text: string): number | null {
  if (text === 'now') return null;
  if (text === 'beginning') return 0;
  const seq = Number(text);
  if (/^\d{1,15}$/.test(text)) return seq;
  throw usageError(`--from must be now, beginning or the number of an event, not ${JSON.stringify(text)}.`);
}

/** A word, quoted for a shell if necessary. */
function quoted(word: string): string {
  return /^[\w./:=@,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** The command that continues after the last handled event. */
function wayBack(flags: ListenFlags, cursor: number | null): string {
  const words = ['rushes webhooks listen'];
  if (flags['forward-to'] !== undefined) words.push(`--forward-to ${quoted(flags['forward-to'])}`);
  for (const events of flags.events ?? []) words.push(`--events ${quoted(events)}`);
  if (flags['secret-file'] !== undefined) words.push(`--secret-file ${quoted(flags['secret-file'])}`);
  return [...words, `--from ${cursor ?? flags.from}`].join(' ');
}

/** The error for a run that was ended by Ctrl-C. */
export function listeningInterrupted({ cursor, delivered, failed }: ListenProgress, flags: ListenFlags): CliError {
  return new CliError(
    'interrupted',
    `Interrupted${cursor === null ? '' : ` after event ${cursor}`}: ${delivered} delivered, ${failed} given up.`,
    {
      exitCode: EXIT.interrupted,
      advice: [`Continue from here: ${wayBack(flags, cursor)}`],
      members: { cursor, delivered, failed },
    },
  );
}
