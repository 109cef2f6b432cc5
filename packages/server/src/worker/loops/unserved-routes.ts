import type { Clock, Logger } from '../../ports.ts';
import type { Tell } from '../notices.ts';
import type { ScheduleStore } from '../store/schedule-store.ts';
import { every, startLoop, type Loop } from '../../loop/index.ts';

const PERIOD_MS = 15_000;
/** Looks in a row that found tasks waiting and nothing running: a minute, in which every worker has looked for work. */
const UNSERVED_LOOKS = 4;

interface UnservedRoutesDeps {
  readonly clock: Pick<Clock, 'sleep'>;
  readonly logger: Pick<Logger, 'error'>;
  readonly store: Pick<ScheduleStore, 'waitingElsewhere'>;
  /** The routes that this worker serves. */
  readonly routes: { keys(): Iterable<string> };
  readonly tell: Tell;
}

/**
 * Tells the operator of a route whose tasks would otherwise wait in silence for their deadline: no worker serves it, since
 * it was switched off or misspelt, or the one that does is down. Told once, and again only after it was served meanwhile.
 */
export function watchUnservedRoutes(deps: UnservedRoutesDeps, periodMs = PERIOD_MS): Loop {
  const { clock, logger, store, routes, tell } = deps;
  const looks = new Map<string, number>();
  const work = async (): Promise<void> => {
    const waiting = await store.waitingElsewhere([...routes.keys()]);
    for (const route of looks.keys()) {
      if (!waiting.some((found) => found.route === route)) looks.delete(route);
    }
    for (const { route, batches, tasks } of waiting) {
      const look = (looks.get(route) ?? 0) + 1;
      looks.set(route, look);
      if (look === UNSERVED_LOOKS) tell({ type: 'route.unserved', route, batches, tasks });
    }
  };
  return startLoop({ clock, logger, doing: 'looking for routes that nobody serves', ...every(periodMs, work) });
}
