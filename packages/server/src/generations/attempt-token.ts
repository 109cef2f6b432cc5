import { createHmac, timingSafeEqual } from 'node:crypto';
import { hexToUuid, type AccountUuid, type BatchUuid } from '@rushes/contract';

/** One submission of one task. */
export interface AttemptKey {
  readonly accountUuid: AccountUuid;
  readonly batchUuid: BatchUuid;
  readonly index: number;
  readonly attempt: number;
}

/** Names submissions to upstreams, unguessably, and reads the names back. */
export interface AttemptTokens {
  /** The same whenever it is derived. 75 characters of base64url. */
  tokenFor(route: string, key: AttemptKey): string;
  /** Null for what was not made by `tokenFor` for this route. */
  read(route: string, token: string): AttemptKey | null;
}

const KEY_BYTES = 40;
/** Half of SHA-256's output (RFC 2104, section 5). */
const MAC_BYTES = 16;
const TOKEN_PATTERN = /^[A-Za-z0-9_-]{75}$/;

/**
 * The key itself (two uuids, two 32-bit numbers) and its HMAC-SHA256 bound to the route: a callback finds its task by the
 * token alone, without an index over every account's tasks.
 */
export function createAttemptTokens(secret: Uint8Array): AttemptTokens {
  const macOf = (route: string, key: Uint8Array): Buffer =>
    createHmac('sha256', secret).update(key).update(route).digest().subarray(0, MAC_BYTES);
  return {
    tokenFor(route, key) {
      const bytes = Buffer.alloc(KEY_BYTES);
      bytes.write(key.accountUuid.replaceAll('-', ''), 0, 'hex');
      bytes.write(key.batchUuid.replaceAll('-', ''), 16, 'hex');
      bytes.writeUInt32BE(key.index, 32);
      bytes.writeUInt32BE(key.attempt, 36);
      return Buffer.concat([bytes, macOf(route, bytes)]).toString('base64url');
    },
    read(route, token) {
      if (!TOKEN_PATTERN.test(token)) return null;
      const bytes = Buffer.from(token, 'base64url');
      const key = bytes.subarray(0, KEY_BYTES);
      if (!timingSafeEqual(bytes.subarray(KEY_BYTES), macOf(route, key))) return null;
      return {
        accountUuid: hexToUuid(key.toString('hex', 0, 16)),
        batchUuid: hexToUuid(key.toString('hex', 16, 32)),
        index: key.readUInt32BE(32),
        attempt: key.readUInt32BE(36),
      };
    },
  };
}
