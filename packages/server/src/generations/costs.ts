import type { AccountUuid, BatchUuid } from '@rushes/contract';
import type { Database } from '../db/index.ts';
import { BATCH_CONDITION, filterValues, GENERATIONS, type GenerationFilter, type Match } from './generation-rows.ts';

/** What the generations of one route, model and fate cost together. */
export interface UpstreamCostLine {
  readonly route: string | null;
  readonly model: string;
  readonly match: Match;
  readonly generations: number;
  /** Of these, those that the upstream itself reported as failed. */
  readonly failed: number;
  /** Of these, those without a known cost; they are not in `microUsd`. */
  readonly unpriced: number;
  /** Millionths of a US dollar. */
  readonly microUsd: number;
}

/** Sums per route, model and match, for a period, an account or one batch. */
export function upstreamCosts(db: Database, filter: GenerationFilter): Promise<UpstreamCostLine[]> {
  return db.query<UpstreamCostLine>(
    `WITH chosen AS (SELECT b.* FROM batches b WHERE ${BATCH_CONDITION}), ${GENERATIONS}
     SELECT route, model, match, count(*) AS generations, count(*) FILTER (WHERE failed) AS failed,
       count(*) FILTER (WHERE micro_usd IS NULL) AS unpriced, coalesce(sum(micro_usd), 0) AS "microUsd"
     FROM generations GROUP BY route, model, match ORDER BY route, model, match`,
    filterValues(filter),
  );
}

/** What one batch cost at its upstreams; amounts in millionths of a US dollar. */
export interface BatchUpstreamCost {
  readonly accountUuid: AccountUuid;
  readonly batchUuid: BatchUuid;
  readonly generations: number;
  /** Generations without a known cost; they are in none of the sums. */
  readonly unpriced: number;
  readonly matchedMicroUsd: number;
  readonly possiblyDuplicatedMicroUsd: number;
  readonly lateMicroUsd: number;
}

/** Costs of each of these batches that has a generation, over all time. */
export function upstreamCostsOfBatches(
  db: Database,
  batches: readonly { readonly accountUuid: AccountUuid; readonly batchUuid: BatchUuid }[],
): Promise<BatchUpstreamCost[]> {
  const sumOf = (match: Match, name: string): string =>
    `coalesce(sum(micro_usd) FILTER (WHERE match = '${match}'), 0) AS "${name}"`;
  return db.query<BatchUpstreamCost>(
    `WITH chosen AS (
       SELECT b.* FROM unnest($6::uuid[], $7::uuid[]) AS i(account_id, batch_id)
       JOIN batches b ON b.account_id = i.account_id AND b.batch_id = i.batch_id
       WHERE ${BATCH_CONDITION}
     ), ${GENERATIONS}
     SELECT account_id AS "accountUuid", batch_id AS "batchUuid", count(*) AS generations,
       count(*) FILTER (WHERE micro_usd IS NULL) AS unpriced, ${sumOf('matched', 'matchedMicroUsd')},
       ${sumOf('possible_duplicate', 'possiblyDuplicatedMicroUsd')}, ${sumOf('late', 'lateMicroUsd')}
     FROM generations GROUP BY account_id, batch_id ORDER BY account_id, batch_id`,
    [
      null,
      null,
      null,
      null,
      null,
      batches.map(({ accountUuid }) => accountUuid),
      batches.map(({ batchUuid }) => batchUuid),
    ],
  );
}

/** A price of generations, from a time until the next one of the same route and model. */
export interface UpstreamCost {
  readonly route: string;
  readonly model: string;
  readonly microUsd: number;
  /** Of a generation that the upstream itself reported as failed. */
  readonly failedMicroUsd: number;
  readonly validFrom: Date;
}

/** Every price ever set, by route, model and time. */
export function listUpstreamCosts(db: Database): Promise<UpstreamCost[]> {
  return db.query<UpstreamCost>(
    `SELECT route, model, micro_usd AS "microUsd", failed_micro_usd AS "failedMicroUsd", valid_from AS "validFrom"
     FROM upstream_costs ORDER BY route, model, valid_from`,
  );
}

/** Sets a price from a time on, now when null; one set for the very same time before is corrected. */
export async function setUpstreamCost(
  db: Database,
  cost: Omit<UpstreamCost, 'validFrom'> & { readonly validFrom: Date | null },
): Promise<void> {
  await db.query(
    `INSERT INTO upstream_costs (route, model, valid_from, micro_usd, failed_micro_usd)
     VALUES ($1, $2, coalesce($3::timestamptz, rushes_now()), $4, $5)
     ON CONFLICT (route, model, valid_from)
     DO UPDATE SET micro_usd = excluded.micro_usd, failed_micro_usd = excluded.failed_micro_usd`,
    [cost.route, cost.model, cost.validFrom, cost.microUsd, cost.failedMicroUsd],
  );
}
