import { listedEventSchema, pageSchema, type ListedEvent, type Page } from '@rushes/contract';
import { z } from 'zod';
import { refuse, type Outcome } from '../../outcome/index.ts';
import { listEvents } from '../../webhooks/index.ts';
import type { HttpDeps, Surroundings } from '../deps.ts';
import { ClientGone, json } from '../exchange.ts';
import { EVENT_POLL_INTERVAL_MS, EVENT_WAIT_MAX_SECONDS } from '../limits.ts';
import { integerParameter, limitParameter } from '../parameters.ts';
import { readRoute, type Route } from '../route.ts';
import { success } from '../successes.ts';

const seq = (description: string) => integerParameter(0, Number.MAX_SAFE_INTEGER, description);

const eventsQuery = z.strictObject({
  after: seq('Only events with a greater `seq`. The default is from the first event.').exactOptional(),
  cursor: seq('The `next_cursor` of the previous page; the same as `after`.').exactOptional(),
  wait: integerParameter(0, EVENT_WAIT_MAX_SECONDS, 'Seconds to wait for an event when there is none yet.').default(0),
  limit: limitParameter,
});

/**
 * Looks until there is an event, the time is up, or the server stops. Looking is enough: no notification can get lost,
 * and a reader holds no database connection while it waits.
 */
async function waitForEvents(
  deps: HttpDeps,
  look: () => Promise<Outcome<Page<ListedEvent>>>,
  waitMs: number,
  ended: { readonly gone: AbortSignal; readonly stopping: AbortSignal },
): Promise<Outcome<Page<ListedEvent>>> {
  const until = deps.clock.monotonicMs() + waitMs;
  for (;;) {
    const page = await look();
    const leftMs = until - deps.clock.monotonicMs();
    if (!page.ok || page.value.data.length > 0 || leftMs <= 0 || ended.stopping.aborted) return page;
    if (ended.gone.aborted) throw new ClientGone('nobody waits for events any more');
    // Rejects when the reader has gone, which the loop then sees; a stop is seen with the next look.
    await deps.clock.sleep(Math.min(leftMs, EVENT_POLL_INTERVAL_MS), ended.gone).catch(() => undefined);
  }
}

/** The account's events: the truth behind the webhooks. */
export function routes(deps: HttpDeps, { stopping }: Surroundings): readonly Route[] {
  return [
    readRoute({
      path: '/v1/events',
      scope: 'batches:read',
      query: eventsQuery,
      operation: {
        id: 'listEvents',
        tag: 'Webhooks',
        summary: 'List every event of the account, oldest first, without gaps',
        description:
          'To follow the list, ask again with the `seq` of the last event as `after`. With `wait`, the answer comes as soon as there is a new event.',
        successes: [success(200, 'One page; empty when there is no new event.', pageSchema(listedEventSchema))],
      },
      async handle({ caller, query, exchange }) {
        if (query.after !== undefined && query.cursor !== undefined) {
          return refuse({
            code: 'invalid_request',
            detail: 'after and cursor mean the same. Send only one of them.',
            param: 'cursor',
          });
        }
        const from = { after: query.after ?? query.cursor ?? 0, limit: query.limit };
        const look = (): Promise<Outcome<Page<ListedEvent>>> => listEvents(deps.db, caller.accountUuid, from);
        const ended = { gone: exchange.signal, stopping };
        const page = await waitForEvents(deps, look, query.wait * 1_000, ended);
        return page.ok ? json(page.value) : page;
      },
    }),
  ];
}
