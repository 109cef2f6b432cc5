/** What a store says about an event: this request may handle it, it was handled before, or another request is at it. */
export type Claim = 'claimed' | 'handled' | 'busy';

/**
 * Remembers events by their id, so that one that is delivered twice is handled once. Yours is a table with the id as
 * primary key that all processes share: `claim` inserts a row, `complete` marks it, `release` removes it. Let a claim that
 * was not completed run out after some minutes, or an event whose process died is never handled.
 */
export interface EventStore {
  /** Takes the event for this request, in one step: of two that ask at the same time only one may be told `claimed`. */
  claim(eventId: string): Claim | Promise<Claim>;
  /** The handler resolved. */
  complete(eventId: string): void | Promise<void>;
  /** The handler threw: the next delivery may try again. */
  release(eventId: string): void | Promise<void>;
}

/** Limits of `memoryEventStore`. */
export interface MemoryEventStoreOptions {
  /** Handled events to remember; the oldest are forgotten first. 10,000 when left out. */
  maxEvents?: number;
}

/** A store for one process: it forgets everything when the process ends, and other processes know nothing of it. */
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
