import { readFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { formatWebhookSecret, signedHeaders } from './signing.ts';

interface Vector {
  readonly id: string;
  readonly timestamp: string;
  readonly body: string;
  readonly secret: string;
  readonly signature: string;
  readonly valid: boolean;
}

const vectors = JSON.parse(
  readFileSync(new URL('../../testing/webhooks/vectors/standard-webhooks.json', import.meta.url), 'utf8'),
) as Vector[];

describe('signatures', () => {
  it.each(vectors)('agree with the published vector (valid: $valid, body: $body)', (vector) => {
    const key = Buffer.from(vector.secret.slice('whsec_'.length), 'base64');
    const headers = signedHeaders([key], vector.id, new Date(Number(vector.timestamp) * 1_000), vector.body);
    expect(headers['webhook-id']).toBe(vector.id);
    expect(headers['webhook-timestamp']).toBe(vector.timestamp);
    expect(headers['webhook-signature'] === vector.signature).toBe(vector.valid);
  });

  it('are accepted by the reference library, under each key while a secret is rotated', () => {
    const keys = [new Uint8Array(randomBytes(32)), new Uint8Array(randomBytes(32))];
    const body = '{"data":"Grüße 🎬"}';
    const headers = { ...signedHeaders(keys, 'evt_1', new Date(), body) };
    for (const key of keys) {
      expect(new Webhook(formatWebhookSecret(key)).verify(body, headers)).toEqual({ data: 'Grüße 🎬' });
    }
    const other = new Webhook(formatWebhookSecret(new Uint8Array(randomBytes(32))));
    expect(() => other.verify(body, headers)).toThrow();
  });

  it.each(['webhook-id', 'webhook-timestamp', 'body'] as const)('break when the %s is changed', (part) => {
    const key = new Uint8Array(randomBytes(32));
    const headers = { ...signedHeaders([key], 'evt_1', new Date(), '{}') };
    const webhook = new Webhook(formatWebhookSecret(key));
    const later = String(Number(headers['webhook-timestamp']) + 1);
    const changed = {
      ...headers,
      ...(part === 'webhook-id' ? { [part]: 'evt_2' } : part === 'body' ? {} : { [part]: later }),
    };
    expect(() => webhook.verify(part === 'body' ? '{ }' : '{}', changed)).toThrow('No matching signature');
  });
});
