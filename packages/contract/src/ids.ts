/**
 * Public ids: a prefix and base58 (the Bitcoin alphabet) of the bytes that name the object inside its account.
 * Tasks, deliveries and events are addressed by what they belong to, so their ids are derived and never stored.
 */
import { base58 } from '@scure/base';

export type IdPrefix = 'acct' | 'bat' | 'tsk' | 'key' | 'whe' | 'whd' | 'evt' | 'dsp';

const UUID_BYTES = 16;
const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function uuidToBytes(uuid: string): Uint8Array {
  if (!UUID_PATTERN.test(uuid)) throw new Error(`not a lower-case UUID: ${uuid}`);
  const hex = uuid.replaceAll('-', '');
  return Uint8Array.from({ length: UUID_BYTES }, (_, at) => Number.parseInt(hex.slice(at * 2, at * 2 + 2), 16));
}

export function bytesToUuid(bytes: Uint8Array): string {
  if (bytes.length !== UUID_BYTES) throw new Error(`a UUID has 16 bytes, not ${bytes.length}`);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

function encode(prefix: IdPrefix, bytes: Uint8Array): string {
  return `${prefix}_${base58.encode(bytes)}`;
}

/** The bytes behind an id, or null for anything that this function's inverse did not write. */
function decode(prefix: IdPrefix, id: string, length: number): Uint8Array | null {
  // base58 of at most 24 bytes has at most 33 characters: longer text is refused before the quadratic decoding.
  if (!id.startsWith(`${prefix}_`) || id.length > 64) return null;
  let bytes: Uint8Array;
  try {
    bytes = base58.decode(id.slice(prefix.length + 1));
  } catch {
    return null;
  }
  if (bytes.length !== length || encode(prefix, bytes) !== id) return null;
  return bytes;
}

/** `bat_…` and its kind from the object's uuid. */
export function formatId(prefix: Exclude<IdPrefix, 'tsk' | 'whd' | 'evt'>, uuid: string): string {
  return encode(prefix, uuidToBytes(uuid));
}

/** The uuid of an id, or null when it is not one of this kind. */
export function parseId(prefix: Exclude<IdPrefix, 'tsk' | 'whd' | 'evt'>, id: string): string | null {
  const bytes = decode(prefix, id, UUID_BYTES);
  return bytes === null ? null : bytesToUuid(bytes);
}

function uuidAndNumber(uuid: string, value: number): Uint8Array {
  const bytes = new Uint8Array(UUID_BYTES + 8);
  bytes.set(uuidToBytes(uuid));
  new DataView(bytes.buffer).setBigUint64(UUID_BYTES, BigInt(value));
  return bytes;
}

function splitUuidAndNumber(bytes: Uint8Array): { uuid: string; value: number } | null {
  const value = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(UUID_BYTES);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) return null;
  return { uuid: bytesToUuid(bytes.slice(0, UUID_BYTES)), value: Number(value) };
}

/** Public id of the task at `index` of a batch. */
export function formatTaskId(batchUuid: string, index: number): string {
  return encode('tsk', uuidAndNumber(batchUuid, index));
}

export function parseTaskId(id: string): { batchUuid: string; index: number } | null {
  const bytes = decode('tsk', id, UUID_BYTES + 8);
  const parts = bytes === null ? null : splitUuidAndNumber(bytes);
  return parts === null ? null : { batchUuid: parts.uuid, index: parts.value };
}

/** Public id of the event with number `seq` of an account. */
export function formatEventId(accountUuid: string, seq: number): string {
  return encode('evt', uuidAndNumber(accountUuid, seq));
}

export function parseEventId(id: string): { accountUuid: string; seq: number } | null {
  const bytes = decode('evt', id, UUID_BYTES + 8);
  const parts = bytes === null ? null : splitUuidAndNumber(bytes);
  return parts === null ? null : { accountUuid: parts.uuid, seq: parts.value };
}

/** Public id of the delivery of event `seq` to an endpoint. */
export function formatDeliveryId(endpointUuid: string, seq: number): string {
  return encode('whd', uuidAndNumber(endpointUuid, seq));
}

export function parseDeliveryId(id: string): { endpointUuid: string; seq: number } | null {
  const bytes = decode('whd', id, UUID_BYTES + 8);
  const parts = bytes === null ? null : splitUuidAndNumber(bytes);
  return parts === null ? null : { endpointUuid: parts.uuid, seq: parts.value };
}
