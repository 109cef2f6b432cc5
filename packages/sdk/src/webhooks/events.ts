/** What a webhook says, by `type`. Fields may be added at any time, and types too: have a default branch. */
import type * as wire from '@rushes/contract/types';
import type { EventType, Open } from '../types.ts';

/** The events of the contract as a client reads them: only `type` keeps to its known words, as it tells them apart. */
type Received<Event> = Event extends unknown
  ? { readonly [Name in keyof Event]: Name extends 'type' ? Event[Name] : Open<Event[Name]> }
  : never;

/** Every event that this version knows, told apart by `type`. */
export type WebhookEvent = Received<wire.WebhookEvent>;

/** An event of a newer server. */
export interface UnknownEvent {
  /** Id of the event, the same on every attempt: remember it to act once. */
  readonly id: string;
  readonly type: EventType;
  /** UTC, ISO 8601. */
  readonly created_at: string;
  readonly data: Readonly<Record<string, unknown>>;
}
