import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BatchUuid } from '@rushes/contract';
import type { Queryable } from '../db/index.ts';
import { credits, issueCredits, listEntries, reverseEntry, revokeCredits } from '../ledger/index.ts';
import { checkTrees } from '../sealing/index.ts';
import { createSealer } from '../sealing/sealer.ts';
import { systemClock, systemRandom } from '../system/index.ts';
import { silentLogger } from '../../testing/silent-logger.ts';
import type { BatchCaller } from './account-check.ts';
import {
  openAccount,
  openWorld,
  settle,
  startTasks,
  submission,
  uuidOf,
  violations,
  type TestEnding,
  type World,
} from '../../testing/batches/world.ts';

/**
 * Random histories of everything that moves credits, against a model of a few lines. Between any two statements of a step the
 * process may die (its transaction is gone) or its answer be lost (it asks again). fast-check prints the seed of a history that
 * fails; `node scripts/histories.ts 5000 SEED` runs as many as one likes.
 */
const HISTORIES = Number(process.env['LEDGER_HISTORIES'] ?? 300);
const SEED = process.env['LEDGER_SEED'];
const PRICE = 49;

let world: World;
let keysDirectory: string;
beforeAll(async () => {
  world = await openWorld();
  keysDirectory = await mkdtemp(path.join(tmpdir(), 'rushes-model-'));
});
afterAll(async () => {
  await world.close();
  await rm(keysDirectory, { recursive: true, force: true });
});

type Fate = 'fine' | 'dies' | 'asks again';
type SealFate = 'fine' | 'signed' | 'logged' | 'published';
type Step =
  | {
      readonly do: 'purchase' | 'grant' | 'revoke';
      readonly amount: number;
      readonly reference: number;
      readonly fate: Fate;
    }
  | {
      readonly do: 'reverse';
      readonly pick: number;
      readonly amount: number | null;
      readonly reference: number;
      readonly fate: Fate;
    }
  | { readonly do: 'create' }
  | { readonly do: 'cancel'; readonly batch: number }
  | { readonly do: 'settle'; readonly slots: number; readonly endings: readonly TestEnding[]; readonly fate: Fate }
  | { readonly do: 'seal'; readonly fate: SealFate };

const fate = fc.constantFrom<Fate>('fine', 'fine', 'dies', 'asks again');
const reference = fc.nat(5);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constantFrom('purchase' as const, 'grant' as const, 'revoke' as const),
    amount: fc.constantFrom(1, 10, 490, 600, 2_000),
    reference,
    fate,
  }),
  fc.record({
    do: fc.constant('reverse' as const),
    pick: fc.nat(20),
    amount: fc.constantFrom(null, 1, 20, 49, 50),
    reference,
    fate,
  }),
  fc.record({ do: fc.constant('create' as const) }),
  fc.record({ do: fc.constant('cancel' as const), batch: fc.nat(2) }),
  fc.record({
    do: fc.constant('settle' as const),
    slots: fc.integer({ min: 1, max: 12 }),
    endings: fc.array(fc.constantFrom<TestEnding>('succeeded', 'succeeded', 'provider_error', 'moderation_input'), {
      minLength: 12,
      maxLength: 12,
    }),
    fate,
  }),
  fc.record({
    do: fc.constant('seal' as const),
    fate: fc.constantFrom<SealFate>('fine', 'signed', 'logged', 'published'),
  }),
);

/** What the ledger should be, in the plainest words. */
class Model {
  available = 0;
  reserved = 0;
  spent = 0;
  readonly entries: { kind: string; amount: number; reverses: number | null }[] = [];
  readonly issues = new Map<string, string>();
  readonly reversals = new Map<string, string>();
  readonly revocations = new Map<string, { amount: number; left: number }>();

  get debt(): number {
    return [...this.revocations.values()].reduce((sum, { left }) => sum + left, 0);
  }

  write(kind: string, amount: number, reverses: number | null = null): void {
    this.entries.push({ kind, amount, reverses });
    const moves: Record<string, readonly [number, number, number]> = {
      purchase: [1, 0, 0],
      grant: [1, 0, 0],
      reserve: [-1, 1, 0],
      charge: [0, -1, 1],
      forfeit: [0, -1, 1],
      refund: [1, -1, 0],
      reversal: [1, 0, -1],
      revoke: [-1, 0, 0],
    };
    const [available, reserved, spent] = moves[kind]!;
    this.available += available * amount;
    this.reserved += reserved * amount;
    this.spent += spent * amount;
  }

  issue(kind: string, amount: number, name: string): string {
    const before = this.issues.get(name);
    if (before !== undefined) return before === `${kind} ${amount}` ? 'already_issued' : 'reference_taken';
    this.issues.set(name, `${kind} ${amount}`);
    this.write(kind, amount);
    if (kind === 'purchase') for (const revocation of this.revocations.values()) this.collect(revocation);
    return 'issued';
  }

  collect(revocation: { left: number }): void {
    const amount = Math.min(revocation.left, this.available);
    if (amount === 0) return;
    revocation.left -= amount;
    this.write('revoke', amount);
  }

  revoke(amount: number, name: string): string {
    const before = this.revocations.get(name);
    if (before !== undefined) return before.amount === amount ? 'already_revoked' : 'reference_conflict';
    const revocation = { amount, left: amount };
    this.revocations.set(name, revocation);
    this.collect(revocation);
    return 'revoked';
  }

  reverse(seq: number, amount: number | null, name: string): string {
    const before = this.reversals.get(name);
    if (before !== undefined) {
      const [of, took, left] = before.split(' ').map(Number);
      return of === seq && took === (amount ?? left) ? 'already_reversed' : 'reference_conflict';
    }
    const entry = this.entries[seq - 1];
    if (entry === undefined) return 'no_such_entry';
    if (entry.kind !== 'charge' && entry.kind !== 'forfeit') return 'not_reversible';
    const left =
      entry.amount - this.entries.filter((one) => one.reverses === seq).reduce((sum, one) => sum + one.amount, 0);
    const taken = amount ?? left;
    if (taken < 1 || taken > left) return 'exceeds_entry';
    this.reversals.set(name, `${seq} ${taken} ${left}`);
    this.write('reversal', taken, seq);
    return 'reversed';
  }
}

class Died extends Error {}

/** Runs a call as the fate has it: once, once in a transaction that dies, or twice. Returns the last answer. */
async function under<T>(how: Fate, call: (db: Queryable) => Promise<T>): Promise<T> {
  if (how === 'dies') {
    await world.db
      .transaction(async (tx) => {
        await call(tx);
        throw new Died();
      })
      .catch((error: unknown) => {
        if (!(error instanceof Died)) throw error;
      });
  }
  const answer = await call(world.db);
  if (how === 'asks again') await call(world.db);
  return answer;
}

class History {
  readonly caller: BatchCaller;
  readonly model = new Model();
  readonly batches: { readonly uuid: BatchUuid; queued: number }[] = [];

  constructor(caller: BatchCaller) {
    this.caller = caller;
  }

  async run(next: Step): Promise<void> {
    const { accountUuid } = this.caller;
    switch (next.do) {
      case 'purchase':
      case 'grant': {
        const { do: kind, amount } = next;
        const name = `issue-${next.reference}`;
        const expected = this.model.issue(kind, amount, name);
        const call = (db: Queryable) => issueCredits(db, { accountUuid, kind, amount, reason: 'r', reference: name });
        expect(await under(next.fate, call)).toBe(expected);
        return;
      }
      case 'revoke': {
        const request = { accountUuid, amount: next.amount, reason: 'r', reference: `revoke-${next.reference}` };
        const expected = this.model.revoke(next.amount, request.reference);
        expect(await under(next.fate, (db) => revokeCredits(db, request))).toBe(expected);
        return;
      }
      case 'reverse': {
        const seq = (next.pick % (this.model.entries.length + 1)) + 1;
        const request = { accountUuid, seq, amount: next.amount, reason: 'r', reference: `reverse-${next.reference}` };
        const expected = this.model.reverse(seq, next.amount, request.reference);
        expect(await under(next.fate, (db) => reverseEntry(db, request))).toBe(expected);
        return;
      }
      case 'create': {
        const created = await world.service.create(this.caller, submission({ request_id: randomUUID() }));
        const total = 10 * PRICE;
        if (this.model.debt > 0 || this.model.available < total) {
          expect(created).toMatchObject({
            ok: false,
            refusal: { code: this.model.debt > 0 ? 'account_in_debt' : 'insufficient_credits' },
          });
          return;
        }
        if (!created.ok) throw new Error(created.refusal.detail);
        this.model.write('reserve', total);
        this.batches.push({ uuid: uuidOf(created.value.batch), queued: 10 });
        return;
      }
      case 'cancel': {
        const batch = this.batches[next.batch % Math.max(1, this.batches.length)];
        if (batch === undefined || batch.queued === 0) return;
        await world.service.cancel(this.caller, batch.uuid, { preview: false });
        for (; batch.queued > 0; batch.queued -= 1) this.model.write('refund', PRICE);
        return;
      }
      case 'settle': {
        await this.settle(next.slots, next.endings, next.fate);
        return;
      }
      case 'seal': {
        await this.seal(next.fate);
      }
    }
  }

  private async settle(slots: number, endings: readonly TestEnding[], how: Fate): Promise<void> {
    const kinds: Partial<Record<TestEnding, string>> = { succeeded: 'charge', moderation_input: 'forfeit' };
    const started = await startTasks(world, slots);
    for (const batch of this.batches) {
      const own = started
        .filter(({ batchUuid }) => batchUuid === batch.uuid)
        .map((task, at) => ({ ...task, ending: endings[at % endings.length]! }));
      if (own.length === 0) continue;
      batch.queued -= own.length;
      for (const { ending } of own) this.model.write(kinds[ending] ?? 'refund', PRICE);
      await under(how, (db) => settle(db as World['db'], this.caller.accountUuid, batch.uuid, own));
    }
  }

  private async seal(how: SealFate): Promise<void> {
    const sealer = createSealer({
      db: world.db,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      keysDirectory,
      serverName: 'model.test',
      atStep: (at) => (at === how ? Promise.reject(new Died()) : Promise.resolve()),
    });
    await world.admin.query("UPDATE ledger_sealer SET lease_until = '-infinity'");
    await sealer.round().catch((error: unknown) => {
      if (!(error instanceof Died)) throw error;
    });
    await sealer.close();
  }

  async compare(): Promise<void> {
    const { available, reserved, spent, debt } = this.model;
    const issued = available + reserved + spent;
    expect(await credits(world.db, this.caller.accountUuid)).toEqual({ available, reserved, spent, issued, debt });
  }

  async compareEntries(): Promise<void> {
    const page = await listEntries(world.db, this.caller.accountUuid, { limit: 1_000, order: 'asc', cursor: null });
    if (!page.ok) throw new Error(page.refusal.detail);
    expect(
      page.value.data.map((entry) => ({ kind: entry.kind, amount: entry.amount, reverses: entry.reverses_seq })),
    ).toEqual(this.model.entries);
  }

  /** So that the next history's workers find none of this one's tasks. */
  async end(): Promise<void> {
    for (const batch of this.batches.keys()) await this.run({ do: 'cancel', batch });
  }
}

describe('any history of movements, crashes and repeated questions', () => {
  it('agrees with the model after every step, and with every checkpoint signed on the way', async () => {
    let histories = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14, size: 'max' }), async (steps) => {
        const history = new History(await openAccount(world, 0));
        try {
          await history.run({ do: 'purchase', amount: 600, reference: 99, fate: 'fine' });
          for (const next of steps) {
            await history.run(next);
            await history.compare();
          }
        } finally {
          await history.end();
        }
        await history.compare();
        await history.compareEntries();
        histories += 1;
        if (histories % 50 === 0) expect(await violations(world)).toEqual([]);
      }),
      { numRuns: HISTORIES, ...(SEED === undefined ? {} : { seed: Number(SEED) }) },
    );
    await new History(await openAccount(world, 0)).run({ do: 'seal', fate: 'fine' });
    expect(await violations(world)).toEqual([]);
    expect(await checkTrees(world.db, keysDirectory, null)).toEqual([]);
    expect(await world.db.query('SELECT type FROM operator_events')).toEqual([]);
  }, 3_600_000);
});
