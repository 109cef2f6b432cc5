/** The building blocks that the entries of `EVENTS` use to make the schemas of their data. */
import { z } from 'zod';
import { batchCountsSchema, batchCreditsSchema } from '../batches.ts';
import { BATCH_STATUSES, FINAL_TASK_STATUSES } from '../facts/states.ts';
import { batchIds, taskIds } from '../ids.ts';
import { checkpoint, count, time, words } from './schema-parts.ts';
import { taskCreditsSchema, taskFailureSchema, taskVideoSchema } from '../tasks.ts';

export { z } from 'zod';
export { checkpoint, credits, id, time } from './schema-parts.ts';

/** The `data` of a batch event: the batch at the time of the event. */
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
      description:
        'Labels of the batch. Empty when they would make the event too large; then `metadata_omitted` is true.',
    }),
    metadata_omitted: z.boolean().exactOptional(),
    created_at: time,
    started_at: time.nullable(),
    finished_at: time.nullable(),
    ledger_checkpoint: checkpoint.nullable().exactOptional().meta({
      description:
        "Only in events for the end of a batch: the latest checkpoint of the account's ledger, null when there is none yet. `keepCheckpoint` of `@rushes/sdk/ledger` stores it, so that later verifications must agree with it.",
    }),
  })
  .meta({ id: 'BatchEventData', description: 'The batch at the time of the event.' });

/** The `data` of a task event: a task that ended. */
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
    description: 'A task that ended. An event never has the prompt or links: get them from the API.',
  });
