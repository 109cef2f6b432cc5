/** What the entries of `EVENTS` make the schemas of their data from. */
import { z } from 'zod';
import { batchCountsSchema, batchCreditsSchema } from '../batches.ts';
import { BATCH_STATUSES, FINAL_TASK_STATUSES } from '../facts/states.ts';
import { batchIds, taskIds } from '../ids.ts';
import { checkpoint, count, time, words } from './schema-parts.ts';
import { taskCreditsSchema, taskFailureSchema, taskVideoSchema } from '../tasks.ts';

export { z } from 'zod';
export { checkpoint, credits, id, time } from './schema-parts.ts';

/** A batch at the time of an event. */
export const batchEventData = z
  .object({
    id: batchIds.schema,
    batch_id: batchIds.schema.meta({ description: 'The same as `id`.' }),
    request_id: z.string(),
    model: z.string(),
    status: words(BATCH_STATUSES),
    counts: batchCountsSchema,
    credits: batchCreditsSchema,
    metadata: z.record(z.string(), z.string()).meta({
      description: 'Empty, with `metadata_omitted`, when it would make the event too large.',
    }),
    metadata_omitted: z.boolean().exactOptional(),
    created_at: time,
    started_at: time.nullable(),
    finished_at: time.nullable(),
    ledger_checkpoint: checkpoint.nullable().exactOptional().meta({
      description:
        "In events that end a batch: the latest checkpoint of the account's ledger, null before the first. `keepCheckpoint` of `@rushes/sdk/ledger` remembers it, so that the next verification demands agreement with it.",
    }),
  })
  .meta({ id: 'BatchEventData', description: 'The batch at the time of the event.' });

/** A task that ended. */
export const taskEventData = z
  .object({
    batch_id: batchIds.schema,
    task_id: taskIds.schema,
    index: count,
    custom_id: z.string().nullable(),
    model: z.string(),
    status: words(FINAL_TASK_STATUSES),
    attempts: count,
    failure: taskFailureSchema.nullable(),
    credits: taskCreditsSchema,
    video: taskVideoSchema.nullable(),
  })
  .meta({
    id: 'TaskEventData',
    description: 'A task that ended. The prompt and links are never in an event: ask the API for them.',
  });
