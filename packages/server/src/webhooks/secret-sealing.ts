/**
 * Webhook secrets at rest: AES-256-GCM under a key that is not in the database.
 *
 *     version (1 byte, 1) | key id (4) | nonce (12) | ciphertext | tag (16)
 *
 * The additional data binds the version, the key id and the row: whoever may write to the table can neither move a
 * secret to another endpoint nor to another account.
 */
import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { uuidToBytes, type AccountUuid, type EndpointUuid } from '@rushes/contract';
import type { Random } from '../ports.ts';

/** The row that a sealed secret belongs to. */
export interface EndpointIdentity {
  readonly accountUuid: AccountUuid;
  readonly endpointUuid: EndpointUuid;
}

export interface SecretSealer {
  seal(secret: Uint8Array, row: EndpointIdentity): Uint8Array;
  /** Throws `UnsealError` when the key is not at hand, the row is another one, or a bit was changed. */
  unseal(sealed: Uint8Array, row: EndpointIdentity): Uint8Array;
}

class UnsealError extends Error {
  override readonly name = 'UnsealError';
}

export interface SecretSealerOptions {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** Keys that sealed earlier rows, while the server secret is being changed. */
  readonly retiredKeys?: readonly Uint8Array[];
  readonly random: Random;
}

const VERSION = 1;
const KEY_BYTES = 32;
const KEY_ID_BYTES = 4;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + KEY_ID_BYTES;
const CONTEXT = Buffer.from('rushes/webhook-secret/v1');

interface SealingKey {
  readonly id: Buffer;
  readonly key: Uint8Array;
}

function sealingKey(key: Uint8Array): SealingKey {
  if (key.length !== KEY_BYTES) throw new Error(`a sealing key has ${KEY_BYTES} bytes, not ${key.length}`);
  const id = createHash('sha256').update('rushes/webhook-sealing-key-id\n').update(key).digest();
  return { id: id.subarray(0, KEY_ID_BYTES), key };
}

function additionalData(head: Uint8Array, row: EndpointIdentity): Buffer {
  return Buffer.concat([CONTEXT, head, uuidToBytes(row.accountUuid), uuidToBytes(row.endpointUuid)]);
}

/** Seals under `key`; unseals what `key` or a retired key sealed. */
export function createSecretSealer({ key, retiredKeys = [], random }: SecretSealerOptions): SecretSealer {
  const current = sealingKey(key);
  const keys = [current, ...retiredKeys.map(sealingKey)];

  return {
    seal(secret, row) {
      const head = Buffer.concat([Buffer.of(VERSION), current.id]);
      const nonce = random.bytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', current.key, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(additionalData(head, row));
      return Buffer.concat([head, nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
    },

    unseal(sealed, row) {
      const bytes = Buffer.from(sealed);
      if (bytes.length <= HEAD_BYTES + NONCE_BYTES + TAG_BYTES || bytes[0] !== VERSION) {
        throw new UnsealError('this is not a sealed webhook secret');
      }
      const head = bytes.subarray(0, HEAD_BYTES);
      const sealedBy = keys.find(({ id }) => id.equals(head.subarray(1)));
      if (sealedBy === undefined) {
        throw new UnsealError('the webhook secret was sealed with another RUSHES_SECRET_KEY than this server has');
      }
      const nonce = bytes.subarray(HEAD_BYTES, HEAD_BYTES + NONCE_BYTES);
      const decipher = createDecipheriv('aes-256-gcm', sealedBy.key, nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(additionalData(head, row));
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      try {
        return Buffer.concat([decipher.update(bytes.subarray(HEAD_BYTES + NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
      } catch (error) {
        throw new UnsealError('the sealed webhook secret was changed or belongs to another row', { cause: error });
      }
    },
  };
}
