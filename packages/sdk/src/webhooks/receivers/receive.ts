/** The part of a receiver that is the same for every framework. */
import { type RawBody } from '../body.ts';
import type { WebhookEvent } from '../events.ts';
import { signatureHeaders, type WebhookHeaders } from '../headers.ts';
import { parseUnverified, unwrap } from '../index.ts';
import { WebhookVerificationError } from '../verification-error.ts';
import type { ReceiverSettings, Secrets } from './options.ts';

/** A request, as the adapter of a framework gives it. */
export interface ReceivedRequest {
  readonly method: string | undefined;
  readonly headers: WebhookHeaders;
  /**
   * The bytes of the body, unchanged. Throws `BodyTooLarge`, or `WebhookVerificationError` when the body was parsed
   * before.
   */
  readonly readBody: (maxBytes: number) => RawBody | Promise<RawBody>;
  /** Keeps the process alive until the work is done, on runtimes that end it after the answer. */
  readonly keepAlive?: ((work: Promise<void>) => void) | undefined;
}

/** The answer that the adapter writes. `text` has nothing that a stranger could use. */
export interface ReceiverAnswer {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The body is longer than `maxBodyBytes`. */
export class BodyTooLarge extends Error {}

/** The connection ended in the middle of the body. Nobody gets the answer, and it is not an error on this side. */
export class SenderGone extends Error {}

/** Seconds after which a delivery should be repeated when another request is handling the same event. */
const BUSY_RETRY_AFTER_SECONDS = 60;

function answer(status: number, text: string, headers: Readonly<Record<string, string>> = {}): ReceiverAnswer {
  return { status, text, headers };
}

const NO_CONTENT = answer(204, '');
const OUR_FAULT = answer(500, 'The event was not handled.\n');
const NOT_VERIFIED = answer(400, 'The webhook could not be verified.\n');

/** Errors on this side, which a sender cannot cause. */
function isOurFault({ reason }: WebhookVerificationError): boolean {
  return reason === 'bad_secret' || reason === 'body_not_raw';
}

function report(settings: ReceiverSettings, error: unknown, event: WebhookEvent | null): void {
  try {
    settings.onError(error, event);
  } catch {
    // An error report that fails must not turn a handled event into a repeated one.
  }
}

async function chooseSecrets({ secret }: ReceiverSettings, body: RawBody): Promise<Secrets> {
  return typeof secret === 'function' ? secret(parseUnverified(body)) : secret;
}

async function verified(settings: ReceiverSettings, request: ReceivedRequest): Promise<WebhookEvent> {
  const body = await request.readBody(settings.maxBodyBytes);
  const secrets = await chooseSecrets(settings, body);
  const { toleranceSeconds } = settings;
  return unwrap(body, request.headers, secrets, toleranceSeconds === undefined ? {} : { toleranceSeconds });
}

function refusal(settings: ReceiverSettings, error: unknown): ReceiverAnswer {
  if (error instanceof BodyTooLarge) return answer(413, 'The body is too large.\n', { connection: 'close' });
  if (error instanceof SenderGone) return NOT_VERIFIED;
  if (!(error instanceof WebhookVerificationError) || isOurFault(error)) {
    report(settings, error, null);
    return OUR_FAULT;
  }
  try {
    settings.onRejected(error);
  } catch (failure) {
    report(settings, failure, null);
  }
  return NOT_VERIFIED;
}

/** Runs the handler and updates the store. Resolves with whether the event was handled. */
async function handle(settings: ReceiverSettings, event: WebhookEvent, id: string): Promise<boolean> {
  let handled = false;
  try {
    await settings.onEvent(event);
    handled = true;
    await settings.store?.complete(id);
  } catch (error) {
    // With `handled`, the store failed: to ask for another delivery would have the event handled twice.
    report(settings, error, event);
  }
  if (handled) return true;
  try {
    await settings.store?.release(id);
  } catch (error) {
    report(settings, error, event);
  }
  return false;
}

/** Answers one request. It never rejects, also when the handler or the store fails. */
export async function receive(settings: ReceiverSettings, request: ReceivedRequest): Promise<ReceiverAnswer> {
  if (request.method !== 'POST') return answer(405, 'A webhook must be a POST request.\n', { allow: 'POST' });
  let event: WebhookEvent;
  try {
    event = await verified(settings, request);
  } catch (error) {
    return refusal(settings, error);
  }
  const { id } = signatureHeaders(request.headers);
  try {
    const claim = (await settings.store?.claim(id)) ?? 'claimed';
    if (claim === 'handled') return NO_CONTENT;
    // Not a success: should the other request fail, this delivery must come again.
    if (claim === 'busy') {
      return answer(503, 'Another request is handling this event. Try again later.\n', {
        'retry-after': String(BUSY_RETRY_AFTER_SECONDS),
      });
    }
  } catch (error) {
    report(settings, error, event);
    return OUR_FAULT;
  }
  const work = handle(settings, event, id);
  if (settings.acknowledge === 'after-handler') return (await work) ? NO_CONTENT : OUR_FAULT;
  request.keepAlive?.(work.then(() => undefined));
  return NO_CONTENT;
}
