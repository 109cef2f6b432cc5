/** The events in webhooks, by `type`. New fields and types can be added at any time, so have a default branch. */
import type * as wire from '@rushes/contract/types';
import type { EventType, Open } from '../types.ts';

/** The known events, by type. Only `type` is limited to the known words, because it says which event it is. */
type Received<Event> = Event extends unknown
  ? { readonly [Name in keyof Event]: Name extends 'type' ? Event[Name] : Open<Event[Name]> }
  : never;

/** Every event that this version knows. `type` says which one it is. */
export type WebhookEvent = Received<wire.WebhookEvent>;

/** An event from a newer server, with a type that this version does not know. */
export interface UnknownEvent {
  /** Id of the event, the same in every attempt. Remember it, and skip an event that you have handled. */
  readonly id: string;
  readonly type: EventType;
  /** UTC, ISO 8601. */
  readonly created_at: string;
  readonly data: Readonly<Record<string, unknown>>;
}
