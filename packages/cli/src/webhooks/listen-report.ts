import type { ListedEvent } from '@rushes/sdk';
import type { Clock } from '../context.ts';
import type { Output } from '../output/output.ts';
import { type Paint, printable } from '../output/terminal.ts';
import { duration, isoOf, moment } from '../output/wording.ts';
import { type Attempt, attemptWords, isSuccess } from './forward.ts';

/** What is known when listening begins. */
export interface ListenStart {
  readonly server: string;
  readonly cursor: number;
  readonly forwardTo: string | null;
  /** Null when nothing is forwarded, or when the receiver has it already. */
  readonly secret: string | null;
  readonly secretPlace: string | null;
}

/** What `webhooks listen` tells: lines and a status for the eye, or one JSON object a line. */
export interface ListenReport {
  started(start: ListenStart): Promise<void>;
  /** An event that was dealt with; `attempt` is the last one, null when nothing is forwarded. */
  event(event: ListedEvent, attempt: Attempt | null, attempts: number): Promise<void>;
  retry(event: ListedEvent, attempt: Attempt, delayMs: number): Promise<void>;
  heartbeat(cursor: number): Promise<void>;
  lost(error: Error, delayMs: number, cursor: number): Promise<void>;
  found(cursor: number): Promise<void>;
  /** Nothing stays on the status line. */
  ended(): void;
}

/** One object a line, told apart by `kind`. */
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
/** Above this the server would have given up on the receiver. */
const SERVER_PATIENCE_MS = 5_000;

/** An event and how its delivery ended, on one line. */
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

/** A line an event on stdout; on stderr what happens meanwhile, and in a terminal one line that shows that it is alive. */
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
      note(`Listening to ${server}, from behind event ${cursor} on.`);
      if (forwardTo === null) return;
      note(`Forwarding to ${forwardTo}`);
      if (secret !== null) note(`Signed with ${secret}${secretPlace === null ? '' : ` (kept in ${secretPlace})`}`);
      if (secret !== null) note('Give it to the receiver, for example as RUSHES_WEBHOOK_SECRET.');
      else note(`Signed with the secret of ${secretPlace ?? ''}.`);
    },
    async event(event, attempt, attempts) {
      erase();
      await output.line(eventLine(event, attempt, attempts, paint));
      if (attempt !== null && isSuccess(attempt) && attempt.duration_ms > SERVER_PATIENCE_MS)
        note('  That took longer than the 5 seconds that a server waits.');
    },
    async retry({ seq, type }, attempt, delayMs) {
      const why = printable(attemptWords(attempt));
      note(`${paintNote('yellow', `${seq} ${printable(type)}: ${why}`)}; again in ${duration(delayMs)}`);
    },
    async heartbeat(cursor) {
      const text = `Listening: nothing new behind event ${cursor}.`;
      if (!output.canDraw) {
        note(text);
        return;
      }
      output.draw(`${ERASE_LINE}${paintNote('dim', `${text} ${moment(isoOf(clock.nowMs())).slice(11)}`)}`);
      hasStatus = true;
    },
    async lost(error, delayMs, cursor) {
      const [first = ''] = error.message.split('\n');
      note(`${paintNote('yellow', printable(first))} Looking again in ${duration(delayMs)}, behind event ${cursor}.`);
    },
    async found(cursor) {
      note(`Connected again; going on behind event ${cursor}.`);
    },
    ended: erase,
  };
}
