/**
 * Public ids. An id is a prefix and base58 (the Bitcoin alphabet) of the bytes that name the object. Ids of tasks,
 * deliveries and events are made from the id of the batch, endpoint or account that they belong to and a number, so
 * they are never stored.
 *
 * A new kind of object declares its own kind of id in its contract file: `export const noteIds = idKind('note')`.
 */
import { base58 } from '@scure/base';
import type { z } from 'zod';
import { id as idSchema } from './parts/schema-parts.ts';

declare const kindOfUuid: unique symbol;

/**
 * A lower-case UUID of one kind of object, as the database and the code keep it. The kind is known to the compiler only.
 * It is made by an `IdKind`, by the readers of keys and tokens, and named as the type of a column; nothing else casts to it.
 */
export type Uuid<Prefix extends string> = string & { readonly [kindOfUuid]: Prefix };

/** The id that customers see: `acct_…`. */
export type PublicId<Prefix extends string> = `${Prefix}_${string}`;

/** The ids of one kind of object. */
export interface IdKind<Prefix extends string> {
  readonly prefix: Prefix;
  /** The public id in requests and answers; only its form is checked. */
  readonly schema: z.ZodType<PublicId<Prefix>>;
  format(uuid: Uuid<Prefix>): PublicId<Prefix>;
  /** The uuid in a public id, or null when the text is not an id of this kind. */
  parse(id: string): Uuid<Prefix> | null;
  /** Returns the text when it is a lower-case UUID, else null. For cursors, which have uuids. */
  readUuid(text: string): Uuid<Prefix> | null;
  /** The uuid of a new object. */
  newUuid(random: { uuid(): string }): Uuid<Prefix>;
  /** UUIDs that no object has: `nil` sorts before all others, `max` after them. */
  readonly nil: Uuid<Prefix>;
  readonly max: Uuid<Prefix>;
}

/** The ids of objects that are a number within another object; `Parts` names the two. */
export interface NumberedIdKind<Prefix extends string, Owner extends string, Parts> {
  readonly prefix: Prefix;
  /** The public id in requests and answers; only its form is checked. */
  readonly schema: z.ZodType<PublicId<Prefix>>;
  format(owner: Uuid<Owner>, number: number): PublicId<Prefix>;
  /** The parts of the id, or null when the text is not an id of this kind. */
  parse(id: string): Parts | null;
}

const UUID_BYTES = 16;
const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function uuidToBytes(uuid: string): Uint8Array {
  if (!UUID_PATTERN.test(uuid)) throw new Error(`not a lower-case UUID: ${uuid}`);
  const hex = uuid.replaceAll('-', '');
  return Uint8Array.from({ length: UUID_BYTES }, (_, at) => Number.parseInt(hex.slice(at * 2, at * 2 + 2), 16));
}

/** The UUID of 16 bytes, of the kind that the caller knows them to be. */
export function bytesToUuid<Prefix extends string>(bytes: Uint8Array): Uuid<Prefix> {
  if (bytes.length !== UUID_BYTES) throw new Error(`a UUID has 16 bytes, not ${bytes.length}`);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hexToUuid(hex);
}

/** The UUID of 32 hexadecimal digits in lower case, of the kind that the caller knows them to be. */
export function hexToUuid<Prefix extends string>(hex: string): Uuid<Prefix> {
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
  return parts.join('-') as Uuid<Prefix>;
}

function encode<Prefix extends string>(prefix: Prefix, bytes: Uint8Array): PublicId<Prefix> {
  return `${prefix}_${base58.encode(bytes)}`;
}

/** The bytes in an id, or null for text that `encode` did not make. */
function decode(prefix: string, id: string, length: number): Uint8Array | null {
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

function schemaOf<Prefix extends string>(prefix: Prefix): z.ZodType<PublicId<Prefix>> {
  return idSchema(prefix) as z.ZodType<string> as z.ZodType<PublicId<Prefix>>;
}

/** Declares the ids of a kind of object that is stored under a uuid. */
export function idKind<const Prefix extends string>(prefix: Prefix): IdKind<Prefix> {
  const isUuid = (text: string): text is Uuid<Prefix> => UUID_PATTERN.test(text);
  return {
    prefix,
    schema: schemaOf(prefix),
    format: (uuid) => encode(prefix, uuidToBytes(uuid)),
    parse(id) {
      const bytes = decode(prefix, id, UUID_BYTES);
      return bytes === null ? null : bytesToUuid(bytes);
    },
    readUuid: (text) => (isUuid(text) ? text : null),
    newUuid: (random) => random.uuid() as Uuid<Prefix>,
    nil: hexToUuid('0'.repeat(2 * UUID_BYTES)),
    max: hexToUuid('f'.repeat(2 * UUID_BYTES)),
  };
}

/**
 * Declares the ids of objects that are a number within another object.
 *
 * @param name gives the two parts of an id their names
 */
export function numberedIdKind<const Prefix extends string, Owner extends string, Parts>(
  prefix: Prefix,
  name: (owner: Uuid<Owner>, number: number) => Parts,
): NumberedIdKind<Prefix, Owner, Parts> {
  const length = UUID_BYTES + 8;
  return {
    prefix,
    schema: schemaOf(prefix),
    format(owner, number) {
      const bytes = new Uint8Array(length);
      bytes.set(uuidToBytes(owner));
      new DataView(bytes.buffer).setBigUint64(UUID_BYTES, BigInt(number));
      return encode(prefix, bytes);
    },
    parse(id) {
      const bytes = decode(prefix, id, length);
      if (bytes === null) return null;
      const number = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(UUID_BYTES);
      if (number > BigInt(Number.MAX_SAFE_INTEGER)) return null;
      return name(bytesToUuid(bytes.slice(0, UUID_BYTES)), Number(number));
    },
  };
}

export const accountIds = idKind('acct');
export const batchIds = idKind('bat');
export const keyIds = idKind('key');
export const endpointIds = idKind('whe');

export type AccountUuid = Uuid<'acct'>;
export type BatchUuid = Uuid<'bat'>;
/** Of an account's key, or of an operator's. */
export type KeyUuid = Uuid<'key'>;
/** Of a webhook endpoint. */
export type EndpointUuid = Uuid<'whe'>;

/** A task is the index within its batch. */
export const taskIds = numberedIdKind('tsk', (batchUuid: BatchUuid, index) => ({ batchUuid, index }));
/** An event is the number within its account. */
export const eventIds = numberedIdKind('evt', (accountUuid: AccountUuid, seq) => ({ accountUuid, seq }));
/** A delivery is the number of its event and the endpoint it goes to. */
export const deliveryIds = numberedIdKind('whd', (endpointUuid: EndpointUuid, seq) => ({ endpointUuid, seq }));
