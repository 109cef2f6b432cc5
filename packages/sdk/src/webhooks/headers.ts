import { WebhookVerificationError } from './verification-error.ts';

/** Headers as any framework has them: `Headers`, Node's `request.headers`, or a plain object in any case. */
export type WebhookHeaders =
  { get(name: string): string | null } | Readonly<Record<string, string | readonly string[] | undefined>>;

/** Longer values are no signature header of anybody; this bounds the work for a stranger's request. */
const VALUE_MAX_CHARACTERS = 4_096;

function valuesOf(headers: WebhookHeaders, name: string): string[] {
  if (typeof headers.get === 'function') {
    const value: unknown = headers.get(name);
    return typeof value === 'string' ? [value] : [];
  }
  return Object.entries<unknown>(headers)
    .filter(([key]) => key.toLowerCase() === name)
    .flatMap(([, value]): unknown => value)
    .filter((value) => typeof value === 'string');
}

/** The one value of a header; throws `WebhookVerificationError` when it is missing or there is more than one. */
export function headerValue(headers: WebhookHeaders, name: string): string {
  const values = typeof headers === 'object' && headers !== null ? valuesOf(headers, name) : [];
  const [value] = values;
  if (value === undefined || value === '') {
    const hint = 'Pass the headers of the request as they came; this may also be no webhook at all.';
    throw new WebhookVerificationError('missing_header', `The header ${name} is missing. ${hint}`);
  }
  if (values.length > 1) {
    throw new WebhookVerificationError('repeated_header', `The header ${name} came ${values.length} times.`);
  }
  if (value.length > VALUE_MAX_CHARACTERS) {
    throw new WebhookVerificationError('bad_signature', `The header ${name} is ${value.length} characters long.`);
  }
  return value;
}
