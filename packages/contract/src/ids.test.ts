import { describe, expect, it } from 'vitest';
import {
  accountIds,
  batchIds,
  bytesToUuid,
  deliveryIds,
  endpointIds,
  eventIds,
  idKind,
  numberedIdKind,
  taskIds,
  uuidToBytes,
  type AccountUuid,
  type BatchUuid,
  type PublicId,
  type Uuid,
} from './ids.ts';

const UUID = '01890a5d-ac96-774b-bcce-b302099a8057';
const random = { uuid: () => UUID };
const account = accountIds.newUuid(random);
const batch = batchIds.newUuid(random);
const endpoint = endpointIds.newUuid(random);

/** What a room's function asks for: the row of a batch of an account. */
const find = (accountUuid: AccountUuid, batchUuid: BatchUuid): string[] => [accountUuid, batchUuid];
/** What an answer has. */
const show = (accountId: PublicId<'acct'>): string => accountId;

describe('an id of a kind that is declared outside this file', () => {
  const noteIds = idKind('note');
  const lineIds = numberedIdKind('line', (noteUuid: Uuid<'note'>, line) => ({ noteUuid, line }));
  const note = noteIds.newUuid(random);

  it('is read back as it was written, by its own kind only', () => {
    const id = noteIds.format(note);
    expect(id).toMatch(/^note_[1-9A-HJ-NP-Za-km-z]+$/);
    expect(noteIds.parse(id)).toBe(UUID);
    expect(accountIds.parse(id)).toBeNull();
    expect(noteIds.schema.safeParse(id).success).toBe(true);
    expect(accountIds.schema.safeParse(id).success).toBe(false);
    expect(lineIds.parse(lineIds.format(note, 7))).toEqual({ noteUuid: UUID, line: 7 });
  });

  it('has a uuid that no other kind takes', () => {
    // @ts-expect-error the uuid of a note is not that of an account
    expect(accountIds.format(note)).toMatch(/^acct_/);
    // @ts-expect-error the uuid of an account is not that of a note
    expect(lineIds.format(account, 1)).toMatch(/^line_/);
  });
});

describe('a uuid and a public id', () => {
  it('of one kind do not compile in the place of another kind', () => {
    expect(find(account, batch)).toEqual([UUID, UUID]);
    // @ts-expect-error a batch's uuid is not an account's, nor the other way round
    expect(find(batch, account)).toEqual([UUID, UUID]);
    // @ts-expect-error an endpoint is not a batch
    expect(find(account, endpoint)).toEqual([UUID, UUID]);
    // @ts-expect-error tasks are numbers within a batch
    expect(taskIds.format(account, 1)).toMatch(/^tsk_/);
    // @ts-expect-error events are numbers within an account
    expect(eventIds.format(batch, 1)).toMatch(/^evt_/);
    // @ts-expect-error deliveries are numbers within an endpoint
    expect(deliveryIds.format(account, 1)).toMatch(/^whd_/);
  });

  it('do not compile in the place of each other', () => {
    expect(show(accountIds.format(account))).toMatch(/^acct_/);
    // @ts-expect-error a uuid is not a public id
    expect(show(account)).toBe(UUID);
    // @ts-expect-error the id of a batch is not that of an account
    expect(show(batchIds.format(batch))).toMatch(/^bat_/);
    // @ts-expect-error a public id is not a uuid
    expect(() => accountIds.format(accountIds.format(account))).toThrow('not a lower-case UUID');
  });

  it('are not any text, and may be null', () => {
    const text: string = UUID;
    // @ts-expect-error text is not a uuid until it was read as one
    expect(find(text, batch)).toEqual([UUID, UUID]);
    // @ts-expect-error text is not a public id
    expect(show(text)).toBe(UUID);
    // @ts-expect-error text that was read may not have been an id
    const parsed: AccountUuid = accountIds.parse(text);
    expect(parsed).toBeNull();
  });
});

describe('reading an id', () => {
  it.each([
    ['another prefix', batchIds.format(batch)],
    ['a letter that base58 does not have', `${accountIds.format(account).slice(0, -1)}0`],
    ['a byte more', accountIds.format(account).replace('_', '_1')],
    ['bytes of another length', `acct_${taskIds.format(batch, 1).slice('tsk_'.length)}`],
    ['text too long to decode', `acct_${'z'.repeat(10_000)}`],
    ['nothing behind the prefix', 'acct_'],
  ])('finds no account in %s', (_, text) => {
    expect(accountIds.parse(text)).toBeNull();
  });

  it('gives the parts that a task, an event and a delivery are made of', () => {
    const last = Number.MAX_SAFE_INTEGER;
    expect(taskIds.parse(taskIds.format(batch, last))).toEqual({ batchUuid: batch, index: last });
    expect(eventIds.parse(eventIds.format(account, 3))).toEqual({ accountUuid: account, seq: 3 });
    expect(deliveryIds.parse(deliveryIds.format(endpoint, 0))).toEqual({ endpointUuid: endpoint, seq: 0 });
  });

  it('takes a uuid only as it is written, for a cursor', () => {
    expect(accountIds.readUuid(UUID)).toBe(UUID);
    expect(accountIds.readUuid(UUID.toUpperCase())).toBeNull();
    expect(accountIds.readUuid(`${UUID} `)).toBeNull();
  });

  it('puts the nil uuid before all others and the max uuid behind them', () => {
    expect([accountIds.max, account, accountIds.nil].toSorted()).toEqual([accountIds.nil, account, accountIds.max]);
    expect(bytesToUuid(uuidToBytes(accountIds.max))).toBe(accountIds.max);
  });
});
