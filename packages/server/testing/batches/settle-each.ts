/** Settles tasks one by one as a test thinks of them, by one call of settle_tasks as a worker makes it. */
import type { AccountUuid, BatchUuid } from '@rushes/contract';
import type { Queryable } from '../../src/db/index.ts';

export interface TestOutcome {
  readonly accountUuid: AccountUuid;
  readonly batchUuid: BatchUuid;
  readonly index: number;
  readonly fence: number;
  readonly outcome: string;
  readonly failureType: string | null;
  readonly failureDetail: string | null;
  readonly upstreamId: string | null;
  readonly video: {
    readonly key: string;
    readonly bytes: number;
    readonly sha256: Uint8Array;
    readonly contentType: string;
  } | null;
}

/** The answer for each outcome; an outcome of a task that was named before under the same fence has none. */
export async function settleEach(db: Queryable, outcomes: readonly TestOutcome[]): Promise<string[]> {
  const keyOf = (task: TestOutcome): string => JSON.stringify([task.accountUuid, task.batchUuid, task.fence]);
  const claims = [...new Map(outcomes.map((task) => [keyOf(task), task])).values()];
  const places = new Map(claims.map((claim, at) => [keyOf(claim), at + 1]));
  const rows = await db.query<{ answer: string; places: number[] | null }>(
    `SELECT answer, places FROM settle_tasks($1::uuid[], $2::uuid[], $3::bigint[], $4::int[], $5::int[], $6::text[], $7::text[],
       $8::text[], $9::text[], $10::text[], $11::bigint[], $12::bytea[], $13::text[])`,
    [
      claims.map(({ accountUuid }) => accountUuid),
      claims.map(({ batchUuid }) => batchUuid),
      claims.map(({ fence }) => fence),
      outcomes.map((task) => places.get(keyOf(task))!),
      outcomes.map(({ index }) => index),
      outcomes.map(({ outcome }) => outcome),
      outcomes.map(({ failureType }) => failureType),
      outcomes.map(({ failureDetail }) => failureDetail),
      outcomes.map(({ upstreamId }) => upstreamId),
      outcomes.map(({ video }) => video?.key ?? null),
      outcomes.map(({ video }) => video?.bytes ?? null),
      outcomes.map(({ video }) => video?.sha256 ?? null),
      outcomes.map(({ video }) => video?.contentType ?? null),
    ],
  );
  const answers: string[] = [];
  for (const { answer, places: answered } of rows) {
    for (const place of answered ?? outcomes.map((_, at) => at + 1)) answers[place - 1] = answer;
  }
  return answers.filter((answer) => answer !== undefined);
}
