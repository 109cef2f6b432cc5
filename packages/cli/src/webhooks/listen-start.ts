import { CliError, usageError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import type { ListenProgress } from './listen-loop.ts';

/** The flags that say what is listened to, and where it goes. */
interface ListenFlags {
  readonly 'forward-to': string | undefined;
  readonly events: readonly string[] | undefined;
  readonly 'secret-file': string | undefined;
  readonly from: string;
}

/** The seq to begin behind; null for now. */
export function startOf(text: string): number | null {
  if (text === 'now') return null;
  if (text === 'beginning') return 0;
  const seq = Number(text);
  if (/^\d{1,15}$/.test(text)) return seq;
  throw usageError(`--from takes now, beginning or the number of an event, not ${JSON.stringify(text)}.`);
}

/** A word as a shell takes it. */
function quoted(word: string): string {
  return /^[\w./:=@,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** The command that goes on behind the last event that was dealt with. */
function wayBack(flags: ListenFlags, cursor: number | null): string {
  const words = ['rushes webhooks listen'];
  if (flags['forward-to'] !== undefined) words.push(`--forward-to ${quoted(flags['forward-to'])}`);
  for (const events of flags.events ?? []) words.push(`--events ${quoted(events)}`);
  if (flags['secret-file'] !== undefined) words.push(`--secret-file ${quoted(flags['secret-file'])}`);
  return [...words, `--from ${cursor ?? flags.from}`].join(' ');
}

/** The error of a run that Ctrl-C ended. */
export function listeningInterrupted({ cursor, delivered, failed }: ListenProgress, flags: ListenFlags): CliError {
  return new CliError(
    'interrupted',
    `Interrupted${cursor === null ? '' : ` behind event ${cursor}`}: ${delivered} delivered, ${failed} given up.`,
    {
      exitCode: EXIT.interrupted,
      advice: [`Go on from here: ${wayBack(flags, cursor)}`],
      members: { cursor, delivered, failed },
    },
  );
}
