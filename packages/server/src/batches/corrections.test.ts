import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AccountUuid } from '@rushes/contract';
import { credits, issueCredits, listEntries, reverseEntry, revokeCredits } from '../ledger/index.ts';
import { actOnViolations, checkEverything } from '../checking/index.ts';
import { silentLogger } from '../../testing/silent-logger.ts';
import { setTerms } from '../operators/index.ts';
import {
  create,
  openAccount,
  openWorld,
  settle,
  startTasks,
  submission,
  testRandom,
  uuidOf,
  violations,
  type World,
} from '../../testing/batches/world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  await world.close();
});

/** An account with ten tasks, one charged, one forfeited, eight refunded: the numbers of the two entries. */
async function accountWithEntries() {
  const caller = await openAccount(world, 1_000);
  const batch = await create(world, caller, submission());
  const tasks = await startTasks(world, 100);
  const endings = (['succeeded', 'moderation_input'] as const).concat(
    Array.from({ length: 8 }, () => 'provider_error') as never,
  );
  await settle(
    world.db,
    caller.accountUuid,
    uuidOf(batch),
    tasks.map((task, at) => ({ ...task, ending: endings[at]! })),
  );
  const page = await listEntries(world.db, caller.accountUuid, { limit: 100, order: 'asc', cursor: null });
  if (!page.ok) throw new Error(page.refusal.detail);
  const seqOf = (kind: string): number => page.value.data.find((entry) => entry.kind === kind)!.seq;
  return {
    accountUuid: caller.accountUuid,
    charge: seqOf('charge'),
    forfeit: seqOf('forfeit'),
    refund: seqOf('refund'),
  };
}

describe('a reversal', () => {
  it('gives back a part, then the rest, and never more than was taken', async () => {
    const { accountUuid, charge } = await accountWithEntries();
    const reverse = (amount: number | null, reference: string) =>
      reverseEntry(world.db, { accountUuid, seq: charge, amount, reason: 'dispute', reference });
    const before = await credits(world.db, accountUuid);
    expect(await reverse(20, 'd-1')).toBe('reversed');
    expect(await reverse(30, 'd-2')).toBe('exceeds_entry');
    expect(await reverse(null, 'd-3')).toBe('reversed');
    expect(await reverse(null, 'd-4')).toBe('exceeds_entry');
    expect(await reverse(1, 'd-5')).toBe('exceeds_entry');
    const after = await credits(world.db, accountUuid);
    expect(after).toEqual({ ...before, available: before.available + 49, spent: before.spent - 49 });
    expect(await violations(world)).toEqual([]);
  });

  it('of one reference happens once, whoever asks how often', async () => {
    const { accountUuid, forfeit } = await accountWithEntries();
    const before = await credits(world.db, accountUuid);
    const answers = await Promise.all(
      Array.from({ length: 16 }, () =>
        reverseEntry(world.db, { accountUuid, seq: forfeit, amount: 10, reason: 'our error', reference: 'ticket' }),
      ),
    );
    expect(answers.filter((answer) => answer === 'reversed')).toHaveLength(1);
    expect(answers.filter((answer) => answer === 'already_reversed')).toHaveLength(15);
    expect(
      await reverseEntry(world.db, { accountUuid, seq: forfeit, amount: 11, reason: 'x', reference: 'ticket' }),
    ).toBe('reference_conflict');
    expect((await credits(world.db, accountUuid)).available).toBe(before.available + 10);
  });

  it('of a part is not taken for one of the whole when it is repeated without its amount', async () => {
    const { accountUuid, charge, forfeit } = await accountWithEntries();
    const reverse = (seq: number, amount: number | null, reference: string) =>
      reverseEntry(world.db, { accountUuid, seq, amount, reason: 'dispute', reference });
    expect(await reverse(charge, 20, 'part')).toBe('reversed');
    expect(await reverse(charge, null, 'part')).toBe('reference_conflict');
    expect(await reverse(charge, null, 'rest')).toBe('reversed');
    // What was left then was 29, whether it is named or not.
    expect(await reverse(charge, null, 'rest')).toBe('already_reversed');
    expect(await reverse(charge, 29, 'rest')).toBe('already_reversed');
    expect(await reverse(charge, 49, 'rest')).toBe('reference_conflict');
    expect(await reverse(forfeit, null, 'rest')).toBe('reference_conflict');
  });

  it('takes back charges and forfeits only', async () => {
    const { accountUuid, refund } = await accountWithEntries();
    const at = (seq: number) => reverseEntry(world.db, { accountUuid, seq, amount: 1, reason: 'x', reference: 'x' });
    expect([await at(1), await at(2), await at(refund), await at(999)]).toEqual([
      'not_reversible',
      'not_reversible',
      'not_reversible',
      'no_such_entry',
    ]);
  });
});

describe('a revocation', () => {
  const revoke = (accountUuid: AccountUuid, amount: number, reference: string) =>
    revokeCredits(world.db, { accountUuid, amount, reason: 'charged back', reference });
  const purchase = (accountUuid: AccountUuid, amount: number, reference: string) =>
    issueCredits(world.db, { accountUuid, kind: 'purchase', amount, reason: 'paid', reference });

  it('never makes a debt that is no exact number any more', async () => {
    const { accountUuid } = await openAccount(world, 100);
    expect(await revoke(accountUuid, Number.MAX_SAFE_INTEGER, 'typo')).toBe('revoked');
    expect(await revoke(accountUuid, Number.MAX_SAFE_INTEGER, 'again')).toBe('too_much');
    expect((await credits(world.db, accountUuid)).debt).toBe(Number.MAX_SAFE_INTEGER - 100);
  });

  it('takes what is available, leaves the rest as debt, and takes that from the next purchases, oldest debt first', async () => {
    const { accountUuid } = await openAccount(world, 100);
    expect(await revoke(accountUuid, 150, 'cb-1')).toBe('revoked');
    expect(await revoke(accountUuid, 30, 'cb-2')).toBe('revoked');
    expect(await revoke(accountUuid, 150, 'cb-1')).toBe('already_revoked');
    expect(await revoke(accountUuid, 151, 'cb-1')).toBe('reference_conflict');
    expect(await credits(world.db, accountUuid)).toEqual({ available: 0, reserved: 0, spent: 0, issued: 0, debt: 80 });
    await issueCredits(world.db, { accountUuid, kind: 'grant', amount: 5, reason: 'bonus', reference: 'g' });
    expect(await credits(world.db, accountUuid)).toMatchObject({ available: 5, debt: 80 });
    await purchase(accountUuid, 60, 'p-1');
    expect(await credits(world.db, accountUuid)).toMatchObject({ available: 0, debt: 15 });
    await purchase(accountUuid, 60, 'p-2');
    expect(await purchase(accountUuid, 60, 'p-2')).toBe('already_issued');
    expect(await credits(world.db, accountUuid)).toEqual({ available: 45, reserved: 0, spent: 0, issued: 45, debt: 0 });
    expect(await violations(world)).toEqual([]);
  });

  it('leaves reserved credits to their batch, and blocks new ones until it is settled', async () => {
    const caller = await openAccount(world, 1_000);
    await create(world, caller, submission());
    await revoke(caller.accountUuid, 1_000, 'cb');
    expect(await credits(world.db, caller.accountUuid)).toMatchObject({ available: 0, reserved: 490, debt: 490 });
    const refused = await world.service.create(caller, submission());
    expect(refused).toMatchObject({ ok: false, refusal: { code: 'account_in_debt' } });
    await purchase(caller.accountUuid, 1_000, 'p');
    expect((await world.service.create(caller, submission())).ok).toBe(true);
    expect(await violations(world)).toEqual([]);
  });
});

describe('terms of an account', () => {
  it('count for batches created from then on', async () => {
    const caller = await openAccount(world, 1_000);
    const context = { db: world.db, random: testRandom, actor: 'command:test@test' };
    const set = await setTerms(context, caller.accountUuid, { moderation_input: 'refund' });
    expect(set).toEqual({ ok: true, value: { terms: { moderation_input: 'refund' } } });
    const rows = await world.db.query('SELECT terms FROM accounts WHERE account_id = $1', [caller.accountUuid]);
    expect(rows).toEqual([{ terms: { moderation_input: 'refund' } }]);
  });
});

describe('a violation', () => {
  it('blocks new reservations of its account only, and is told to the operator', async () => {
    const [hurt, sound] = [await openAccount(world, 1_000), await openAccount(world, 1_000)];
    await world.admin.transaction(async (tx) => {
      await tx.query('SET LOCAL session_replication_role = replica');
      await tx.query(
        'UPDATE credit_accounts SET available = available + 1, issued = issued + 1 WHERE account_id = $1',
        [hurt.accountUuid],
      );
    });
    const now = Date.now();
    const { violations: found } = await checkEverything(world.db, {
      keysDirectory: null,
      only: null,
      period: { from: new Date(now - 3_600_000), to: new Date(now) },
    });
    expect(found.map(({ accountUuid, rule }) => [accountUuid, rule])).toEqual([[hurt.accountUuid, 'balance']]);
    await actOnViolations({ db: world.db, random: testRandom, logger: silentLogger }, found);
    expect(await world.service.create(hurt, submission())).toMatchObject({
      ok: false,
      refusal: { code: 'account_blocked' },
    });
    expect((await world.service.create(sound, submission())).ok).toBe(true);
    const events = await world.db.query<{ type: string; account_id: AccountUuid }>(
      'SELECT type, account_id FROM operator_events',
    );
    expect(events).toEqual([{ type: 'ledger.violation', account_id: hurt.accountUuid }]);
  });
});
