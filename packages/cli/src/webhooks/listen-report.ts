import type { ListedEvent } from '@rushes/sdk';
import type { Clock } from '../context.ts';
import type { Output } from '../output/output.ts';
import { type Paint, printable } from '../output/terminal.ts';
import { duration, isoOf, moment } from '../output/wording.ts';
import { type Attempt, attemptWords, isSuccess } from './forward.ts';

/** What is shown when listening begins. */
export interface ListenStart {
  readonly server: string;
  readonly cursor: number;
  readonly forwardTo: string | null;
  /** The signing secret to show. Null when nothing is forwarded, or when the receiver has the secret already. */
  readonly secret: string | null;
  readonly secretPlace: string | null;
}

/** The output of `webhooks listen`: lines and a status line for a person, or one JSON object per line. */
export interface ListenReport {
  started(start: ListenStart): Promise<void>;
  /** Reports a handled event. `attempt` is the last attempt, null when nothing is forwarded. */
  event(event: ListedEvent, attempt: Attempt | null, attempts: number): Promise<void>;
  retry(event: ListedEvent, attempt: Attempt, delayMs: number): Promise<void>;
  heartbeat(cursor: number): Promise<void>;
  lost(error: Error, delayMs: number, cursor: number): Promise<void>;
  found(cursor: number): Promise<void>;
  /** Clears the status line. */
  ended(): void;
}

/** One JSON object per line; `kind` says which one it is. */
export function jsonReport(output: Output): ListenReport {
  const say = (kind: string, members: object): Promise<void> => output.jsonLine({ kind, ...members });
  return {
    started: ({ server, cursor, forwardTo, secret }) =>
      say('listening', { server, cursor, forward_to: forwardTo, ...(secret === null ? {} : { secret }) }),
    event: (event, attempt, attempts) =>
      say('event', { event, delivery: attempt === null ? null : { ...outcome(attempt), attempts } }),
    retry: ({ seq, id }, attempt, delayMs) => say('retry', { seq, id, ...outcome(attempt), delay_ms: delayMs }),
    heartbeat: (cursor) => say('heartbeat', { cursor }),
    lost: (error, delayMs, cursor) => say('disconnected', { cursor, detail: error.message, delay_ms: delayMs }),
    found: (cursor) => say('connected', { cursor }),
    ended: () => undefined,
  };
}

function outcome(attempt: Attempt): object {
  const { status, error, duration_ms } = attempt;
  return { delivered: isSuccess(attempt), status, error, duration_ms };
}

const ERASE_LINE = '\r\u001b[K';
/** A server would count a slower answer as a failure. */
const SERVER_PATIENCE_MS = 5_000;

/** One line with an event and how its delivery ended. */
function eventLine(
  { seq, created_at, type, id }: ListedEvent,
  attempt: Attempt | null,
  attempts: number,
  paint: Paint,
): string {
  const what = `${seq}  ${moment(created_at)}  ${printable(type)}  ${printable(id)}`;
  if (attempt === null) return what;
  if (isSuccess(attempt)) return `${what}  ${paint('green', attemptWords(attempt))}`;
  return `${what}  ${paint('red', `gave up after ${attempts}: ${printable(attemptWords(attempt))}`)}`;
}

/**
 * One line per event on stdout. On stderr, other news and, in a terminal, a status line that shows that the command is
 * alive.
 */
export function textReport(output: Output, clock: Clock): ListenReport {
  const { paint, paintNote } = output;
  let hasStatus = false;
  const erase = (): void => {
    if (hasStatus) output.draw(ERASE_LINE);
    hasStatus = false;
  };
  const note = (text: string): void => {
    erase();
    output.note(text);
  };
  return {
    async started({ server, cursor, forwardTo, secret, secretPlace }) {
      note(`Listening to ${server}, starting after event ${cursor}.`);
      if (forwardTo === null) return;
      note(`Forwarding to ${forwardTo}`);
      if (secret !== null) note(`Signed with ${secret}${secretPlace === null ? '' : ` (kept in ${secretPlace})`}`);
      if (secret !== null) note('Give this secret to the receiver, for example as RUSHES_WEBHOOK_SECRET.');
      else note(`Signed with the secret of ${secretPlace ?? ''}.`);
    },
    async event(event, attempt, attempts) {
      erase();
      await output.line(eventLine(event, attempt, attempts, paint));
      if (attempt !== null && isSuccess(attempt) && attempt.duration_ms > SERVER_PATIENCE_MS)
        note('  This took longer than the 5 seconds that a server waits.');
    },
    async retry({ seq, type }, attempt, delayMs) {
      const why = printable(attemptWords(attempt));
      note(`${paintNote('yellow', `${seq} ${printable(type)}: ${why}`)}; again in ${duration(delayMs)}`);
    },
    async heartbeat(cursor) {
      const text = `Listening: no new event after event ${cursor}.`;
      if (!output.canDraw) {
        note(text);
        return;
      }
      output.draw(`${ERASE_LINE}${paintNote('dim', `${text} ${moment(isoOf(clock.nowMs())).slice(11)}`)}`);
      hasStatus = true;
    },
    async lost(error, delayMs, cursor) {
      const [first = ''] = error.message.split('\n');
      note(`${paintNote('yellow', printable(first))} Trying again in ${duration(delayMs)}, after event ${cursor}.`);
    },
    async found(cursor) {
      note(`Connected again; continuing after event ${cursor}.`);
    },
    ended: erase,
  };
}
