/**
 * Standard Webhooks 1.0 signatures (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md):
 * HMAC-SHA256 over `id.timestamp.body`, base64, with a version in front.
 */
import { createHmac } from 'node:crypto';

const SECRET_PREFIX = 'whsec_';

export interface SignedHeaders {
  readonly 'webhook-id': string;
  readonly 'webhook-timestamp': string;
  readonly 'webhook-signature': string;
}

/** The text that the customer keeps: `whsec_` and the key in base64. */
export function formatWebhookSecret(key: Uint8Array): string {
  return SECRET_PREFIX + Buffer.from(key).toString('base64');
}

/**
 * The three headers of one attempt. `keys` has more than one entry while a secret is being rotated: the receiver
 * accepts any signature that fits.
 */
export function signedHeaders(keys: readonly Uint8Array[], eventId: string, sentAt: Date, body: string): SignedHeaders {
  const timestamp = String(Math.floor(sentAt.getTime() / 1_000));
  const signatures = keys.map((key) => {
    const mac = createHmac('sha256', key).update(`${eventId}.${timestamp}.${body}`, 'utf8');
    return `v1,${mac.digest('base64')}`;
  });
  return {
    'webhook-id': eventId,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
  };
}
