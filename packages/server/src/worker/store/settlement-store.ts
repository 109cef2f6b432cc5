import type { Database } from '../../db/index.ts';
import type { Outcome } from '../outcome.ts';
import type { LeasedTask } from '../task.ts';
import { claimsOf, leaseColumns } from './task-columns.ts';

/** `late`: the task had ended before. `lost`: it is not ours any more. */
export type SettleAnswer = 'settled' | 'late' | 'lost';

/** Where the outcomes of tasks are written, with the credits that move by them. */
export interface SettlementStore {
  settle(settlements: readonly { readonly task: LeasedTask; readonly outcome: Outcome }[]): Promise<SettleAnswer[]>;
}

export function createSettlementStore(db: Database): SettlementStore {
  return {
    async settle(settlements) {
      const failures = settlements.map(({ outcome }) => (outcome.kind === 'failed' ? outcome : null));
      const videos = settlements.map(({ outcome }) => (outcome.kind === 'succeeded' ? outcome.video : null));
      const { claims, places } = claimsOf(settlements.map(({ task }) => task));
      const rows = await db.query<{ answer: SettleAnswer; places: number[] | null }>(
        `SELECT * FROM settle_tasks($1::uuid[], $2::uuid[], $3::bigint[], $4::int[], $5::int[], $6::text[], $7::text[],
           $8::text[], $9::text[], $10::text[], $11::bigint[], $12::bytea[], $13::text[])`,
        [
          ...leaseColumns(claims),
          claims.map((claim) => claim.fence),
          places,
          settlements.map(({ task }) => task.index),
          settlements.map(({ outcome }) => outcome.kind),
          failures.map((failure) => failure?.type ?? null),
          failures.map((failure) => failure?.detail ?? null),
          settlements.map(({ task }) => task.upstreamId),
          videos.map((video) => video?.key ?? null),
          videos.map((video) => video?.bytes ?? null),
          videos.map((video) => video?.sha256 ?? null),
          videos.map((video) => video?.contentType ?? null),
        ],
      );
      // Of a task named twice the second is not answered. Not `lost`: the video of the one that counted may be stored under the
      // same key.
      const given = new Array<SettleAnswer>(settlements.length).fill('late');
      for (const row of rows) {
        if (row.places === null) given.fill(row.answer);
        else for (const place of row.places) given[place - 1] = row.answer;
      }
      return given;
    },
  };
}
