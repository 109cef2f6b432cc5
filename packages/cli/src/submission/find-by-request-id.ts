import type { Batch, Rushes } from '@rushes/sdk';

/** As many as a large account makes in weeks; past that the batch is named by its id. */
const SEARCHED_MAX = 2_000;

/** The batch that was made with this request_id, looked for among the account's newest ones. */
export async function findByRequestId(
  client: Rushes,
  requestId: string,
  model: string,
  signal: AbortSignal,
): Promise<Batch | null> {
  let searched = 0;
  for await (const batch of client.batches.list({ model, limit: 200 }, { signal })) {
    if (batch.request_id === requestId) return batch;
    searched += 1;
    if (searched >= SEARCHED_MAX) break;
  }
  return null;
}
