import { createHmac, timingSafeEqual } from 'node:crypto';
import { bytesToUuid, uuidToBytes, type LinkAction, type AccountUuid, type BatchUuid } from '@rushes/contract';

/** What a signed link lets its holder do, until when. */
export interface LinkGrant {
  readonly accountUuid: AccountUuid;
  readonly batchUuid: BatchUuid;
  readonly index: number;
  readonly action: LinkAction;
  /** Cut to whole seconds in the token. */
  readonly expiresAt: Date;
}

export type LinkCheck =
  | { readonly kind: 'valid'; readonly grant: LinkGrant }
  | { readonly kind: 'expired'; readonly grant: LinkGrant }
  | { readonly kind: 'forged' };

export interface LinkSigner {
  sign(grant: LinkGrant): string;
  verify(token: string, now: Date): LinkCheck;
}

/*
 * 55 bytes, 74 characters of base64url: action (1), account (16), batch (16), index (2), expiry in Unix seconds (4, good
 * until 2106), and 16 bytes of the HMAC-SHA256 over all before (RFC 2104 allows the cut; 128 bits cannot be guessed).
 */
/** A link holds the number of its action: new ones come at the end. */
const ACTIONS: readonly LinkAction[] = ['play', 'download', 'embed'];
const GRANT_BYTES = 39;
const MAC_BYTES = 16;
const TOKEN_PATTERN = /^[A-Za-z0-9_-]{74}$/;
const MAX_INDEX = 0xffff;
const MAX_SECONDS = 0xffffffff;

function encode(grant: LinkGrant): Buffer {
  const seconds = Math.floor(grant.expiresAt.getTime() / 1_000);
  const action = ACTIONS.indexOf(grant.action);
  if (action < 0 || grant.index < 0 || grant.index > MAX_INDEX || seconds < 0 || seconds > MAX_SECONDS) {
    throw new RangeError(`no link can say action ${grant.action}, index ${grant.index}, expiry ${seconds}`);
  }
  const bytes = Buffer.alloc(GRANT_BYTES);
  bytes.writeUInt8(action, 0);
  bytes.set(uuidToBytes(grant.accountUuid), 1);
  bytes.set(uuidToBytes(grant.batchUuid), 17);
  bytes.writeUInt16BE(grant.index, 33);
  bytes.writeUInt32BE(seconds, 35);
  return bytes;
}

function decode(bytes: Buffer): LinkGrant | null {
  const action = ACTIONS[bytes.readUInt8(0)];
  if (action === undefined) return null;
  return {
    accountUuid: bytesToUuid(bytes.subarray(1, 17)),
    batchUuid: bytesToUuid(bytes.subarray(17, 33)),
    index: bytes.readUInt16BE(33),
    action,
    expiresAt: new Date(bytes.readUInt32BE(35) * 1_000),
  };
}

/** Signs links to videos. Whoever has a link has access until it expires: nothing is stored, so nothing is looked up. */
export function createLinkSigner(subkey: Uint8Array): LinkSigner {
  const mac = (bytes: Buffer): Buffer => createHmac('sha256', subkey).update(bytes).digest().subarray(0, MAC_BYTES);
  return {
    sign(grant) {
      const bytes = encode(grant);
      return Buffer.concat([bytes, mac(bytes)]).toString('base64url');
    },
    verify(token, now) {
      if (!TOKEN_PATTERN.test(token)) return { kind: 'forged' };
      const bytes = Buffer.from(token, 'base64url');
      // The last character has bits to spare; only one spelling of a token is a token.
      if (bytes.toString('base64url') !== token) return { kind: 'forged' };
      const signed = bytes.subarray(0, GRANT_BYTES);
      if (!timingSafeEqual(mac(signed), bytes.subarray(GRANT_BYTES))) return { kind: 'forged' };
      const grant = decode(signed);
      if (grant === null) return { kind: 'forged' };
      return { kind: now < grant.expiresAt ? 'valid' : 'expired', grant };
    },
  };
}
