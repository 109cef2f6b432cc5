/**
 * Twenty prompts from a CSV become videos in ./videos.
 *
 *   RUSHES_API_KEY=rk_test_… node examples/quickstart.ts
 *
 * Run it twice: the request_id names the order, so the second run finds the first one's batch instead of paying again.
 */
import { readFile } from 'node:fs/promises';
import Rushes, { InsufficientCreditsError } from '@rushes/sdk';
import { downloadBatch } from '@rushes/sdk/node';

const rushes = new Rushes(); // RUSHES_API_KEY and RUSHES_BASE_URL

const csv = await readFile(new URL('prompts/quickstart-20.csv', import.meta.url));
const estimate = await rushes.batches.estimateFromCsv(csv, { model: 'sora-2' });
console.log(`${estimate.count} videos cost ${estimate.total} credits; ${estimate.available} are available.`);

try {
  const batch = await rushes.batches.createFromCsv(csv, {
    model: 'sora-2',
    request_id: 'quickstart-1',
    expected_unit_price: estimate.unit_price,
  });
  const done = await rushes.batches.wait(batch.id, {
    onProgress: ({ counts }) => {
      console.log(`${counts.succeeded + counts.failed + counts.canceled} of ${counts.total} finished`);
    },
  });
  console.log(
    `${done.status}: charged ${done.credits.charged}, refunded ${done.credits.refunded}, forfeited ${done.credits.forfeited}`,
  );

  for await (const task of rushes.batches.tasks(done.id, { status: 'failed' })) {
    console.log(`${task.custom_id ?? task.index}: ${task.failure?.type ?? ''}: ${task.failure?.message ?? ''}`);
  }
  const { fetched, alreadyPresent, manifest } = await downloadBatch(rushes, done.id, 'videos');
  console.log(`${fetched} videos fetched, ${alreadyPresent} were there; ${manifest} lists them.`);
} catch (error) {
  if (!(error instanceof InsufficientCreditsError)) throw error;
  console.error(`Not enough credits: ${error.message}`);
  process.exitCode = 4;
}
