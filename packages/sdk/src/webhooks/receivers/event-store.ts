/**
 * The answer of a store: this request may handle the event, it was handled before, or another request is handling it.
 */
export type Claim = 'claimed' | 'handled' | 'busy';

/**
 * Remembers events by their id, so that an event that is delivered twice is handled once. For your own store, use a
 * table with the id as primary key that all processes share: `claim` inserts a row, `complete` marks it, `release`
 * removes it. A claim that was not completed must expire after some minutes; otherwise an event whose process died is
 * never handled.
 */
export interface EventStore {
  /**
   * Claims the event for this request, in one step: when two requests ask at the same time, only one may get `claimed`.
   */
  claim(eventId: string): Claim | Promise<Claim>;
  /** Called when the handler has resolved. */
  complete(eventId: string): void | Promise<void>;
  /** Called when the handler has thrown. The next delivery may try again. */
  release(eventId: string): void | Promise<void>;
}

/** Limits of `memoryEventStore`. */
export interface MemoryEventStoreOptions {
  /** How many handled events to remember; the oldest are forgotten first. The default is 10,000. */
  maxEvents?: number;
}

/** A store for one process. It forgets everything when the process ends, and other processes cannot see it. */
export function memoryEventStore({ maxEvents = 10_000 }: MemoryEventStoreOptions = {}): EventStore {
  const busy = new Set<string>();
  const handled = new Set<string>();
  return {
    claim(eventId) {
      if (handled.has(eventId)) return 'handled';
      if (busy.has(eventId)) return 'busy';
      busy.add(eventId);
      return 'claimed';
    },
    complete(eventId) {
      busy.delete(eventId);
      handled.add(eventId);
      // A Set gives its members in the order in which they came.
      for (const oldest of handled) {
        if (handled.size <= maxEvents) break;
        handled.delete(oldest);
      }
    },
    release(eventId) {
      busy.delete(eventId);
    },
  };
}
