import type { ListedEvent, Rushes } from '@rushes/sdk';
import type { CliContext } from '../context.ts';
import { deliverLocally, type LocalReceiver } from './deliver-locally.ts';
import { followEvents } from './event-feed.ts';
import { isSuccess } from './forward.ts';
import type { ListenReport } from './listen-report.ts';

/** The progress of listening. `cursor` is the seq of the last handled event. */
export interface ListenProgress {
  cursor: number | null;
  delivered: number;
  failed: number;
}

/** What to do with the events of an account. */
export interface Listening {
  /** Null when events are only shown. */
  readonly receiver: LocalReceiver | null;
  readonly report: ListenReport;
  readonly wanted: (type: string) => boolean;
  /** Kept up to date, so that an interrupted run can say how to continue. */
  readonly progress: ListenProgress;
  readonly waitSeconds: number;
  readonly machine: Pick<CliContext, 'clock' | 'fetch'>;
  /** Whether nobody reads the output any more. */
  readonly isOver: () => boolean;
}

/**
 * Handles every event after `start`, one after the other. Ends when nobody reads the output any more, or by throwing.
 */
export async function listen(client: Rushes, start: number, listening: Listening, signal: AbortSignal): Promise<void> {
  const { report, wanted, progress, waitSeconds, machine } = listening;
  let cursor = start;
  for await (const news of followEvents(client, { after: start, waitSeconds, clock: machine.clock }, signal)) {
    if (news.kind === 'event') {
      if (wanted(news.event.type)) await deal(news.event, listening, signal);
      cursor = news.event.seq;
      progress.cursor = cursor;
    } else if (news.kind === 'heartbeat') await report.heartbeat(cursor);
    else if (news.kind === 'lost') await report.lost(news.error, news.delayMs, cursor);
    else await report.found(cursor);
    if (listening.isOver()) return;
  }
}

async function deal(event: ListedEvent, listening: Listening, signal: AbortSignal): Promise<void> {
  const { receiver, report, progress, machine } = listening;
  if (receiver === null) return report.event(event, null, 0);
  const { attempt, attempts } = await deliverLocally(
    event,
    receiver,
    (failed, delayMs) => report.retry(event, failed, delayMs),
    machine,
    signal,
  );
  if (isSuccess(attempt)) progress.delivered += 1;
  else progress.failed += 1;
  await report.event(event, attempt, attempts);
}
