/** What a webhook says, by `type`. Fields may be added at any time, and types too: have a default branch. */
import type * as wire from '@rushes/contract/types';
import type { EventType, Open } from '../types.ts';

interface EventOf<Type extends string, Data> {
  /** Id of the event, the same on every attempt: remember it to act once. */
  readonly id: string;
  readonly type: Type;
  /** UTC, ISO 8601. */
  readonly created_at: string;
  readonly data: Data;
}

/** The batch at the time of the event. */
export interface BatchEventData {
  readonly batch_id: string;
  readonly request_id: string;
  readonly model: string;
  readonly status: Open<wire.BatchStatus>;
  readonly counts: Readonly<wire.BatchCounts>;
  readonly credits: Readonly<wire.BatchCredits>;
  /** Empty, with `metadata_omitted`, when it would make the event too large. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly metadata_omitted?: boolean;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  /**
   * In events that end a batch: the latest checkpoint of the account's ledger, null before the first. `keepCheckpoint` of
   * `@rushes/sdk/ledger` remembers it, so that the next verification demands agreement with it.
   */
  readonly ledger_checkpoint?: string | null;
}

/** Why the batch paused, besides the batch. */
export interface BatchPausedEventData extends BatchEventData {
  readonly reason: string;
}

/** A task that ended. The prompt and links are never in an event: ask the API for them. */
export interface TaskEventData {
  readonly batch_id: string;
  readonly task_id: string;
  readonly index: number;
  readonly custom_id: string | null;
  readonly model: string;
  readonly status: Open<wire.TaskStatus>;
  readonly attempts: number;
  readonly failure: Readonly<Open<wire.TaskFailure>> | null;
  readonly credits: Readonly<wire.TaskCredits>;
  readonly video: Readonly<wire.TaskVideo> | null;
}

/** Available credits fell below the account's threshold. */
export interface CreditsLowEventData {
  /** What was left, in credits. */
  readonly available: number;
  readonly threshold: number;
}

export type BatchEvent = EventOf<
  'batch.processing' | 'batch.completed' | 'batch.partial' | 'batch.failed' | 'batch.canceled',
  BatchEventData
>;
export type BatchPausedEvent = EventOf<'batch.paused', BatchPausedEventData>;
export type TaskEvent = EventOf<'task.succeeded' | 'task.failed' | 'task.canceled', TaskEventData>;
export type CreditsLowEvent = EventOf<'credits.low', CreditsLowEventData>;
export type AccountEvent = EventOf<
  'ledger.epoch_opened' | 'webhook_endpoint.failing' | 'webhook_endpoint.disabled' | 'webhook.test',
  Readonly<Record<string, unknown>>
>;

/** Every event that this version knows, told apart by `type`. */
export type WebhookEvent = BatchEvent | BatchPausedEvent | TaskEvent | CreditsLowEvent | AccountEvent;

/** An event of a newer server. */
export type UnknownEvent = EventOf<EventType, Readonly<Record<string, unknown>>>;
