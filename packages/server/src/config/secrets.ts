import { hkdfSync } from 'node:crypto';

/** What the server secret is used for. Each use has a key of its own, so that none can be turned against another. */
export interface Secrets {
  /** HMAC key of the stored API key hashes. */
  readonly apiKeyHashing: Uint8Array;
  /** HMAC key of the links to videos. */
  readonly linkSigning: Uint8Array;
  /** AES-256 key that seals the webhook secrets in the database. */
  readonly webhookSealing: Uint8Array;
  /** HMAC key of the tokens that name a submission at an upstream. */
  readonly upstreamTokens: Uint8Array;
}

/** As long as SHA-256's output: a shorter secret would weaken every key made from it. */
const SERVER_SECRET_BYTES = 32;

/**
 * Derives the keys from the server secret (RUSHES_SECRET_KEY) with HKDF-SHA256 (RFC 5869), an empty salt and the use as
 * info. The info strings are fixed for ever: changing one makes what was hashed, signed or sealed with it unreadable.
 */
export function deriveSecrets(serverSecret: Uint8Array): Secrets {
  if (serverSecret.length !== SERVER_SECRET_BYTES) {
    throw new Error(`the server secret has ${SERVER_SECRET_BYTES} bytes, not ${serverSecret.length}`);
  }
  const subkey = (use: string): Uint8Array =>
    new Uint8Array(hkdfSync('sha256', serverSecret, new Uint8Array(0), `rushes/${use}/v1`, 32));
  return {
    apiKeyHashing: subkey('api-key-hashing'),
    linkSigning: subkey('link-signing'),
    webhookSealing: subkey('webhook-sealing'),
    upstreamTokens: subkey('upstream-tokens'),
  };
}
