import { RushesError } from '../../rushes-error.ts';
import type { UnknownEvent, WebhookEvent } from '../events.ts';
import { checkSecrets } from '../signature.ts';
import type { WebhookVerificationError } from '../verification-error.ts';
import type { EventStore } from './event-store.ts';

/** One secret, or several during a rotation; one of them must match. */
export type Secrets = string | readonly string[];

/** Options of every receiver. */
export interface ReceiverOptions {
  /** The secret, `whsec_…`; or a function that chooses the secret by the event, which is not verified at that time. */
  secret: Secrets | ((unverified: UnknownEvent) => Secrets | Promise<Secrets>);
  /** Handles a verified event. When it throws or rejects, the answer is 500 and the event is delivered again. */
  onEvent: (event: WebhookEvent) => unknown;
  /**
   * When to answer 204. `after-handler` (the default): after the handler, so that a failure leads to another delivery.
   * `at-once`: before the handler has finished, for a handler that takes longer than the 5 seconds that a server waits.
   * Then an event whose handler fails is not delivered again, so keep it yourself.
   */
  acknowledge?: 'after-handler' | 'at-once';
  /** Remembers events, so that each one is handled once even when it is delivered several times. */
  store?: EventStore;
  /** Called with errors on this side: of the handler, the store or the settings. The default is `console.error`. */
  onError?: (error: unknown, event: WebhookEvent | null) => void;
  /**
   * Called with the reason why a request was answered with 400; the answer does not include it. Strangers can cause any
   * number of calls.
   */
  onRejected?: (error: WebhookVerificationError) => void;
  /** The largest body to read, in bytes. The default is 65,536. Events are smaller than 20,000 bytes. */
  maxBodyBytes?: number;
  /** How many seconds the timestamp may be before or after now. The default is 300. */
  toleranceSeconds?: number;
}

/** `ReceiverOptions` with all defaults filled in. */
export interface ReceiverSettings extends Required<Omit<ReceiverOptions, 'store' | 'toleranceSeconds'>> {
  readonly store: EventStore | null;
  readonly toleranceSeconds: number | undefined;
}

const DEFAULT_MAX_BODY_BYTES = 65_536;

/**
 * Checks the options once, at start, so that an invalid secret or a missing handler throws there and not at a request.
 */
export function receiverSettings(options: ReceiverOptions): ReceiverSettings {
  const { secret, onEvent, maxBodyBytes = DEFAULT_MAX_BODY_BYTES } = options;
  if (typeof secret !== 'function')
    checkSecrets(typeof secret === 'string' ? [secret] : Array.isArray(secret) ? secret : ['']);
  if (typeof onEvent !== 'function') throw new RushesError('onEvent must be a function that takes the event.');
  if (!Number.isSafeInteger(maxBodyBytes) || maxBodyBytes < 1) {
    throw new RushesError(`maxBodyBytes must be a whole number, 1 or more, not ${maxBodyBytes}.`);
  }
  return {
    secret,
    onEvent,
    maxBodyBytes,
    acknowledge: options.acknowledge ?? 'after-handler',
    store: options.store ?? null,
    // A handler that fails must be seen by somebody.
    onError: options.onError ?? ((error) => console.error('A Rushes webhook was not handled:', error)), // eslint-disable-line no-console
    onRejected: options.onRejected ?? (() => undefined),
    toleranceSeconds: options.toleranceSeconds,
  };
}
