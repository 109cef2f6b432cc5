import type { AccountUuid } from '@rushes/contract';
import type { Database } from '../db/index.ts';
import { upstreamCosts, type UpstreamCostLine } from '../generations/index.ts';
import { LedgerGap, type LedgerViolation } from '../ledger/index.ts';
import { chargeSums, type ChargeSums } from './charges.ts';

/** Submissions and entries from `from` on and before `to`. */
export interface Period {
  readonly from: Date;
  readonly to: Date;
}

/** What customers were charged in a period beside what the upstreams made, and cost, in it. */
export interface Reconciliation extends Omit<ChargeSums, 'findings'> {
  /** By what became of them; see `Match`. */
  readonly generations: { readonly matched: number; readonly possible_duplicate: number; readonly late: number };
  /** Of these, those that the upstream itself reported as failed. */
  readonly failedGenerations: number;
  /** Generations of a route and model for which no cost is set; they are not in `costMicroUsd`. */
  readonly unpricedGenerations: number;
  /** Millionths of a US dollar. */
  readonly costMicroUsd: number;
  /** Of these, what possible duplicates and late results cost: nobody was charged for them. */
  readonly uselessMicroUsd: number;
}

type Sums = { -readonly [K in keyof Omit<Reconciliation, 'generations'>]: number } & {
  generations: { matched: number; possible_duplicate: number; late: number };
};

/** Adds accounts up, one by one, so that no statement grows with their number. */
export class Reconciler {
  readonly #db: Database;
  readonly #period: Period;
  readonly #sums: Sums = {
    charges: 0,
    chargedCredits: 0,
    refunds: 0,
    refundedCredits: 0,
    forfeits: 0,
    forfeitedCredits: 0,
    reversals: 0,
    reversedCredits: 0,
    unchargedGenerations: 0,
    generations: { matched: 0, possible_duplicate: 0, late: 0 },
    failedGenerations: 0,
    unpricedGenerations: 0,
    costMicroUsd: 0,
    uselessMicroUsd: 0,
  };

  constructor(db: Database, period: Period) {
    this.#db = db;
    this.#period = period;
  }

  /** Adds an account, and returns each of its charges that no generation stands behind. */
  async add(accountUuid: AccountUuid): Promise<readonly LedgerViolation[]> {
    const sums = this.#sums;
    let charges: ChargeSums;
    try {
      charges = await chargeSums(this.#db, accountUuid, this.#period);
    } catch (error) {
      // The check of the entries names the gap; there is nothing to add up in between.
      if (error instanceof LedgerGap) return [];
      throw error;
    }
    const { findings, ...numbers } = charges;
    for (const [name, value] of Object.entries(numbers)) sums[name as keyof typeof numbers] += value;
    const filter = { ...this.#period, accountUuid, batchUuid: null, match: null };
    for (const line of await upstreamCosts(this.#db, filter)) this.#addCosts(line);
    return findings;
  }

  get sums(): Reconciliation {
    return this.#sums;
  }

  #addCosts(line: UpstreamCostLine): void {
    const sums = this.#sums;
    sums.generations[line.match] += line.generations;
    sums.failedGenerations += line.failed;
    sums.unpricedGenerations += line.unpriced;
    sums.costMicroUsd += line.microUsd;
    if (line.match !== 'matched') sums.uselessMicroUsd += line.microUsd;
  }
}
