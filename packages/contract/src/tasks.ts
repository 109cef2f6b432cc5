import { z } from 'zod';
import { FAILURE_TYPES } from './facts/failures.ts';
import { LINK_EXPIRY_SECONDS } from './facts/item-limits.ts';
import { LINK_ACTIONS, TASK_STATUSES } from './facts/states.ts';
import { batchIds, taskIds } from './ids.ts';
import { count, credits, requestId, time, words } from './parts/schema-parts.ts';
import { taskParamsSchema } from './parts/task-params.ts';

export const taskFailureSchema = z
  .object({ type: words(FAILURE_TYPES), message: z.string() })
  .meta({ id: 'TaskFailure' });

export const taskCreditsSchema = z
  .object({ charged: credits, refunded: credits, forfeited: credits })
  .meta({ id: 'TaskCredits' });

export const taskVideoSchema = z
  .object({
    bytes: z.int().positive(),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .meta({ description: 'SHA-256 of the file, in lower-case hex.' }),
    content_type: z.string(),
  })
  .meta({ id: 'TaskVideo' });

const taskFields = {
  id: taskIds.schema,
  batch_id: batchIds.schema,
  index: count,
  custom_id: z.string().nullable(),
  prompt: z.string(),
  params: taskParamsSchema,
  status: words(TASK_STATUSES),
  attempts: count,
  failure: taskFailureSchema.nullable(),
  credits: taskCreditsSchema,
  video: taskVideoSchema.nullable(),
  created_at: time,
  started_at: time.nullable(),
  finished_at: time.nullable(),
};

export const taskSchema = z.object(taskFields).meta({ id: 'Task' });

export const videoLinkSchema = z.object({ url: z.url(), expires_at: time }).meta({ id: 'VideoLink' });

export const taskResultSchema = z
  .object({
    ...taskFields,
    link: videoLinkSchema.nullable().exactOptional().meta({
      description: 'Present when the request has `links`; null when the task did not succeed.',
    }),
  })
  .meta({ id: 'TaskResult', description: 'One line of `GET /v1/batches/{id}/results`.' });

export const createLinkRequestSchema = z
  .strictObject({
    action: words(LINK_ACTIONS),
    expires_in: z
      .int()
      .min(LINK_EXPIRY_SECONDS.min)
      .max(LINK_EXPIRY_SECONDS.max)
      .default(LINK_EXPIRY_SECONDS.default)
      .meta({ description: 'How long the link is valid, in seconds.' }),
    request_id: requestId,
  })
  .meta({ id: 'CreateLinkRequest' });
