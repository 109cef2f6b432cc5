import { RushesError } from '../../rushes-error.ts';
import type { UnknownEvent, WebhookEvent } from '../events.ts';
import { checkSecrets } from '../signature.ts';
import type { WebhookVerificationError } from '../verification-error.ts';
import type { EventStore } from './event-store.ts';

/** One secret, or several during a rotation: any may fit. */
export type Secrets = string | readonly string[];

/** What every receiver takes. */
export interface ReceiverOptions {
  /** `whsec_…`; or a function that chooses by what the event claims to be, before anything of it is checked. */
  secret: Secrets | ((unverified: UnknownEvent) => Secrets | Promise<Secrets>);
  /** Handles a verified event. When it throws or rejects, the answer is 500 and the event is delivered again. */
  onEvent: (event: WebhookEvent) => unknown;
  /**
   * When to answer 204: `after-handler` (when left out), so that a failure leads to another delivery; or `at-once`, for a
   * handler that takes longer than the 5 seconds which a server waits: what it does after that is nobody's business but
   * yours, and an event whose handler fails is lost unless you keep it.
   */
  acknowledge?: 'after-handler' | 'at-once';
  /** Handles each event once, however often it is delivered. */
  store?: EventStore;
  /** Told what went wrong on this side: the handler, the store, the settings. `console.error` when left out. */
  onError?: (error: unknown, event: WebhookEvent | null) => void;
  /** Told why a request was answered with 400; the answer itself does not say it. Strangers can cause any number. */
  onRejected?: (error: WebhookVerificationError) => void;
  /** The largest body that is read; 65,536 when left out. Events are under 20,000 bytes. */
  maxBodyBytes?: number;
  /** Seconds that the timestamp may be away from now; 300 when left out. */
  toleranceSeconds?: number;
}

/** `ReceiverOptions` with everything decided. */
export interface ReceiverSettings extends Required<Omit<ReceiverOptions, 'store' | 'toleranceSeconds'>> {
  readonly store: EventStore | null;
  readonly toleranceSeconds: number | undefined;
}

const DEFAULT_MAX_BODY_BYTES = 65_536;

/** Reads the options once, at start: a secret that is not valid or a handler that is missing throws then, and not at a request. */
export function receiverSettings(options: ReceiverOptions): ReceiverSettings {
  const { secret, onEvent, maxBodyBytes = DEFAULT_MAX_BODY_BYTES } = options;
  if (typeof secret !== 'function')
    checkSecrets(typeof secret === 'string' ? [secret] : Array.isArray(secret) ? secret : ['']);
  if (typeof onEvent !== 'function') throw new RushesError('onEvent must be a function that takes the event.');
  if (!Number.isSafeInteger(maxBodyBytes) || maxBodyBytes < 1) {
    throw new RushesError(`maxBodyBytes must be a whole number above 0, not ${maxBodyBytes}.`);
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
