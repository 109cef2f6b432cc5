import { WebhookVerificationError } from './verification-error.ts';

/**
 * The headers of a request: `Headers`, Node's `request.headers`, or a plain object with names in upper or lower case.
 */
export type WebhookHeaders =
  { get(name: string): string | null } | Readonly<Record<string, string | readonly string[] | undefined>>;

/** The three headers of a delivery. */
export interface SignatureHeaders {
  readonly id: string;
  readonly timestamp: string;
  readonly signature: string;
}

const ID = 'webhook-id';
const TIMESTAMP = 'webhook-timestamp';
const SIGNATURE = 'webhook-signature';
type Name = typeof ID | typeof TIMESTAMP | typeof SIGNATURE;
/** Longer than any real signature header. It limits the work that a request from a stranger can cause. */
const VALUE_MAX_CHARACTERS = 4_096;

function isName(text: string): text is Name {
  return text === ID || text === TIMESTAMP || text === SIGNATURE;
}

/**
 * The values of the three headers. A plain object can have a name twice, in upper and lower case, so every name is
 * compared.
 */
function valuesOf(headers: WebhookHeaders): Partial<Record<Name, string[]>> {
  const values: Partial<Record<Name, string[]>> = {};
  const add = (name: Name, value: unknown): void => {
    if (Array.isArray(value)) for (const each of value) add(name, each);
    else if (typeof value === 'string') (values[name] ??= []).push(value);
  };
  if (typeof headers !== 'object' || headers === null) return values;
  if (typeof headers.get === 'function') {
    for (const name of [ID, TIMESTAMP, SIGNATURE] as const) add(name, headers.get(name));
    return values;
  }
  for (const key of Object.keys(headers)) {
    // The lengths of the three: most headers need no second look.
    if (key.length !== ID.length && key.length !== TIMESTAMP.length) continue;
    const name = key.toLowerCase();
    if (isName(name)) add(name, (headers as Readonly<Record<string, unknown>>)[key]);
  }
  return values;
}

function single(name: Name, { [name]: texts = [] }: Partial<Record<Name, string[]>>): string {
  const [value] = texts;
  if (value === undefined || value === '') {
    const hint = 'Pass all headers of the request unchanged. If you did, this request is not a webhook.';
    throw new WebhookVerificationError('missing_header', `The header ${name} is missing. ${hint}`);
  }
  if (texts.length > 1) {
    throw new WebhookVerificationError('repeated_header', `The header ${name} was sent ${texts.length} times.`);
  }
  if (value.length > VALUE_MAX_CHARACTERS) {
    throw new WebhookVerificationError('bad_signature', `The header ${name} is too long (${value.length} characters).`);
  }
  return value;
}

/**
 * The three headers of a delivery. Throws `WebhookVerificationError` when one is missing or was sent more than once.
 */
export function signatureHeaders(headers: WebhookHeaders): SignatureHeaders {
  const values = valuesOf(headers);
  return { id: single(ID, values), timestamp: single(TIMESTAMP, values), signature: single(SIGNATURE, values) };
}
