import {
  BATCH_STATUSES,
  TASK_STATUSES,
  emptyRequestSchema,
  batchSchema,
  cancelResultSchema,
  FAILURE_TYPES,
  ITEM_LIMITS,
  pageSchema,
  taskSchema,
  batchIds,
  type Batch,
  type BatchUuid,
} from '@rushes/contract';
import { z } from 'zod';
import type { Caller } from '../../accounts/index.ts';
import { type Outcome } from '../../outcome/index.ts';
import type { HttpDeps } from '../deps.ts';
import { batchExample, taskExample } from '../examples.ts';
import { json, type Answer, type Exchange } from '../exchange.ts';
import { notFound } from '../not-found.ts';
import { cursorParameter, limitParameter, orderParameter, timeParameter, trueOrFalse } from '../parameters.ts';
import { readRoute, writeRoute, type Route } from '../route.ts';
import { success } from '../successes.ts';

const TAG = 'Batches';

export function batchUuidOf(params: Exchange['params']): BatchUuid | null {
  return batchIds.parse(params['batch_id'] ?? '');
}

/** What every route below a batch's path shares: its 404 comes before any complaint about parameters. */
export function ofOneBatch({ batches }: HttpDeps) {
  return {
    missing: notFound('batch'),
    exists: async (caller: Caller, params: Exchange['params']): Promise<boolean> => {
      const uuid = batchUuidOf(params);
      return uuid !== null && (await batches.get(caller, uuid)) !== null;
    },
  };
}

const theBatch = success(200, 'The batch.', batchSchema, { example: batchExample });

const listQuery = z.strictObject({
  limit: limitParameter,
  cursor: cursorParameter,
  order: orderParameter,
  status: z.enum(BATCH_STATUSES).exactOptional(),
  model: z.string().max(64).exactOptional(),
  request_id: z
    .string()
    .regex(ITEM_LIMITS.requestIdPattern, { error: '1 to 255 printable ASCII characters are needed' })
    .exactOptional()
    .meta({
      description:
        'Only the batch with this request_id. Use it to find a batch when the answer to its creation was lost.',
    }),
  created_after: timeParameter.exactOptional(),
  created_before: timeParameter.exactOptional(),
});

const tasksQuery = z.strictObject({
  limit: limitParameter,
  cursor: cursorParameter,
  status: z.enum(TASK_STATUSES).exactOptional(),
  failure_type: z.enum(FAILURE_TYPES).exactOptional(),
  custom_id: z.string().max(128).exactOptional(),
});

/** Batches and their tasks, as they are. */
function readingRoutes(deps: HttpDeps): readonly Route[] {
  const { batches } = deps;
  return [
    readRoute({
      path: '/v1/batches',
      scope: 'batches:read',
      query: listQuery,
      operation: {
        id: 'listBatches',
        tag: TAG,
        summary: 'List batches, newest first',
        successes: [success(200, 'One page.', pageSchema(batchSchema))],
      },
      async handle({ caller, query }) {
        const filter = {
          ...(query.status === undefined ? {} : { status: query.status }),
          ...(query.model === undefined ? {} : { model: query.model }),
          ...(query.request_id === undefined ? {} : { requestId: query.request_id }),
          ...(query.created_after === undefined ? {} : { createdAfter: query.created_after }),
          ...(query.created_before === undefined ? {} : { createdBefore: query.created_before }),
        };
        const page = { limit: query.limit, order: query.order, cursor: query.cursor ?? null };
        const found = await batches.list(caller, filter, page);
        return found.ok ? json(found.value) : found;
      },
    }),
    readRoute({
      ...ofOneBatch(deps),
      path: '/v1/batches/:batch_id',
      scope: 'batches:read',
      operation: {
        id: 'getBatch',
        tag: TAG,
        summary: 'Get one batch: status, counts and credits',
        successes: [theBatch],
      },
      async handle({ caller, exchange }) {
        const uuid = batchUuidOf(exchange.params);
        const batch = uuid === null ? null : await batches.get(caller, uuid);
        return batch === null ? notFound('batch') : json(batch);
      },
    }),
    readRoute({
      ...ofOneBatch(deps),
      path: '/v1/batches/:batch_id/tasks',
      scope: 'batches:read',
      query: tasksQuery,
      operation: {
        id: 'listTasks',
        tag: 'Tasks',
        summary: 'List the tasks of a batch, by index',
        successes: [
          success(200, 'One page.', pageSchema(taskSchema), {
            example: { data: [taskExample], has_more: false, next_cursor: null },
          }),
        ],
      },
      async handle({ caller, exchange, query }) {
        const uuid = batchUuidOf(exchange.params);
        if (uuid === null) return notFound('batch');
        const filter = {
          ...(query.status === undefined ? {} : { status: query.status }),
          ...(query.failure_type === undefined ? {} : { failureType: query.failure_type }),
          ...(query.custom_id === undefined ? {} : { customId: query.custom_id }),
        };
        const found = await batches.tasks(caller, uuid, filter, { limit: query.limit, cursor: query.cursor ?? null });
        return found.ok ? json(found.value) : found;
      },
    }),
  ];
}

/** Canceling, pausing and resuming: asked twice they say the same, so that a request_id has nothing to remember. */
function controlRoutes(deps: HttpDeps): readonly Route[] {
  const { batches } = deps;
  const control = {
    ...ofOneBatch(deps),
    method: 'post',
    scope: 'batches:write',
    writes: true,
    body: emptyRequestSchema,
  } as const;
  const switchRoute = (
    verb: 'pause' | 'resume',
    summary: string,
    change: (caller: Caller, uuid: BatchUuid) => Promise<Outcome<Batch>>,
  ): Route =>
    writeRoute({
      ...control,
      path: `/v1/batches/:batch_id/${verb}`,
      operation: {
        id: `${verb}Batch`,
        tag: TAG,
        summary,
        successes: [theBatch],
        refusals: ['state_conflict'],
      },
      async handle({ caller, exchange }): Promise<Outcome<Answer>> {
        const uuid = batchUuidOf(exchange.params);
        if (uuid === null) return notFound('batch');
        const changed = await change(caller, uuid);
        return changed.ok ? json(changed.value) : changed;
      },
    });
  return [
    writeRoute({
      ...control,
      path: '/v1/batches/:batch_id/cancel',
      query: z.strictObject({
        preview: trueOrFalse.default(false).meta({ description: 'Change nothing; say what canceling would do.' }),
      }),
      operation: {
        id: 'cancelBatch',
        tag: TAG,
        summary: 'Cancel a batch: queued tasks end at once, running tasks finish',
        successes: [
          success(
            200,
            'The refunded credits and the tasks that still run. Canceling again gives the same answer.',
            cancelResultSchema,
            { example: { batch: { ...batchExample, canceling: true }, refunded: 2_940, still_running: 10 } },
          ),
        ],
        refusals: ['state_conflict'],
      },
      async handle({ caller, exchange, query }) {
        const uuid = batchUuidOf(exchange.params);
        if (uuid === null) return notFound('batch');
        const canceled = await batches.cancel(caller, uuid, { preview: query.preview });
        return canceled.ok ? json(canceled.value) : canceled;
      },
    }),
    switchRoute('pause', 'Pause a batch: its queued tasks are not sent until it is resumed', (caller, uuid) =>
      batches.pause(caller, uuid),
    ),
    switchRoute('resume', 'Resume a paused batch', (caller, uuid) => batches.resume(caller, uuid)),
  ];
}

/** Batches: reading them, and pausing, resuming and canceling them. */
export function routes(deps: HttpDeps): readonly Route[] {
  return [...readingRoutes(deps), ...controlRoutes(deps)];
}
