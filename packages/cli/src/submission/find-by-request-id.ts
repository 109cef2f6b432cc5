import type { Batch, Rushes } from '@rushes/sdk';

/** The batch that was created with this request_id, or null when there is none. */
export async function findByRequestId(client: Rushes, requestId: string, signal: AbortSignal): Promise<Batch | null> {
  const page = await client.batches.list({ request_id: requestId, limit: 1 }, { signal });
  return page.data[0] ?? null;
}
