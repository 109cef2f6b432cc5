/**
 * What the worker needs of an upstream video API. One adapter per API; each passes the same conformance
 * suite. Adapters know no database and keep no state.
 */
import type { FailureType, TaskParams } from '@rushes/contract';

export interface Generation {
  /** The upstream's name for the model. */
  readonly model: string;
  readonly prompt: string;
  readonly params: TaskParams;
  /** Identifies this one attempt; sent where the API has a place for it. */
  readonly token: string;
  /** Where the upstream may post progress and the result, when we have a public address. */
  readonly callbackUrl?: string;
}

/** Why a generation did not come to a video. `detail` is the upstream's own text: for the operator, never the customer. */
export interface UpstreamFailure {
  readonly type: Extract<
    FailureType,
    | 'provider_error'
    | 'provider_rate_limited'
    | 'provider_unavailable'
    | 'invalid_request'
    | 'model_retired'
    | 'moderation_input'
    | 'moderation_output'
  >;
  readonly detail: string;
  /** The upstream's own verdict on when to come back. */
  readonly retryAfterMs?: number;
}

export type SubmitResult =
  | { readonly kind: 'accepted'; readonly upstreamId: string }
  /** The upstream answered clearly, and nothing was started. */
  | { readonly kind: 'refused'; readonly failure: UpstreamFailure }
  /** It may or may not have started: never submitted again blindly. */
  | { readonly kind: 'unknown'; readonly detail: string };

export type PollResult =
  | { readonly kind: 'running'; readonly progress: number | null }
  | { readonly kind: 'succeeded'; readonly videoUrl: string }
  | { readonly kind: 'failed'; readonly failure: UpstreamFailure }
  /** The upstream does not know the id (any more): its result can no longer be had. */
  | { readonly kind: 'gone'; readonly detail: string }
  /** No usable answer this time; ask again later. */
  | { readonly kind: 'unavailable'; readonly detail: string; readonly retryAfterMs?: number };

/** What became of a submission that got no clear answer. */
export type LookUpResult =
  | { readonly kind: 'found'; readonly upstreamId: string }
  /** Nothing was started under this token and nothing will be, even if the request is still on its way. */
  | { readonly kind: 'not_started' }
  | { readonly kind: 'cannot_tell'; readonly detail: string; readonly retryAfterMs?: number };

/** What an upstream posted to a callback URL. Unsigned, so it is a hint: what it says is confirmed by polling. */
export interface Callback {
  readonly upstreamId: string;
  readonly result: PollResult;
}

/**
 * Nothing here rejects: whatever the upstream or the network does becomes one of the results. What an API cannot do is told by
 * the absence of its method.
 */
export interface Upstream {
  readonly name: string;
  /** How long a result's URL stays good, in milliseconds. */
  readonly resultLifetimeMs: number;
  submit(generation: Generation, signal?: AbortSignal): Promise<SubmitResult>;
  /** Progress is passed on as told and may go backwards. */
  poll(upstreamId: string, signal?: AbortSignal): Promise<PollResult>;
  /** One result per id, in order. Present when more than one id can be polled with one request. */
  pollMany?(upstreamIds: readonly string[], signal?: AbortSignal): Promise<readonly PollResult[]>;
  /** Finds a submission by its token, where the API can. */
  lookUp?(token: string, signal?: AbortSignal): Promise<LookUpResult>;
  /** Reads the body of a callback; null when it cannot be one. Present when the API calls back. */
  parseCallback?(body: Uint8Array): Callback | null;
}
