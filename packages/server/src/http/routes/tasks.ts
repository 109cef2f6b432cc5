import {
  createLinkRequestSchema,
  taskSchema,
  videoLinkSchema,
  taskIds,
  type Task,
  type VideoLink,
} from '@rushes/contract';
import type { Caller } from '../../accounts/index.ts';
import { accept, refuse } from '../../outcome/index.ts';
import type { HttpDeps, Surroundings } from '../deps.ts';
import { taskExample } from '../examples.ts';
import { json, type Exchange } from '../exchange.ts';
import { notFound } from '../not-found.ts';
import { answerPost, requestKey } from '../idempotent-post.ts';
import { readRoute, writeRoute, type Route } from '../route.ts';
import { replaySuccess, success } from '../successes.ts';
import { videoLink } from '../video-url.ts';

const TAG = 'Tasks';

/** One task, and links to its video. */
export function routes(deps: HttpDeps, around: Surroundings): readonly Route[] {
  const find = async (caller: Caller, params: Exchange['params']): Promise<Task | null> => {
    const id = taskIds.parse(params['task_id'] ?? '');
    return id === null ? null : deps.batches.task(caller, id.batchUuid, id.index);
  };
  const ofOneTask = {
    missing: notFound('task'),
    exists: async (caller: Caller, params: Exchange['params']) => (await find(caller, params)) !== null,
  };
  const linkExample = { url: 'https://rushes.example.com/v/AAGT...', expires_at: '2026-11-20T10:30:00.000Z' };
  return [
    readRoute({
      ...ofOneTask,
      path: '/v1/tasks/:task_id',
      scope: 'batches:read',
      operation: {
        id: 'getTask',
        tag: TAG,
        summary: 'Get one task',
        successes: [success(200, 'The task.', taskSchema, { example: taskExample })],
      },
      async handle({ caller, exchange }) {
        const task = await find(caller, exchange.params);
        return task === null ? notFound('task') : json(task);
      },
    }),
    writeRoute({
      ...ofOneTask,
      method: 'post',
      path: '/v1/tasks/:task_id/links',
      scope: 'batches:read',
      // A link changes nothing: read-only keys and suspended accounts still reach their results.
      writes: false,
      body: createLinkRequestSchema,
      bodyExample: { action: 'download', expires_in: 3_600 },
      operation: {
        id: 'createLink',
        tag: TAG,
        summary:
          'Create a signed link to the video of a task; everybody who has the link can get the video until it expires',
        successes: [
          success(201, 'The link.', videoLinkSchema, { example: linkExample }),
          replaySuccess('The link that this request_id created before.', videoLinkSchema, { example: linkExample }),
        ],
        refusals: ['state_conflict', 'request_id_conflict'],
      },
      async handle({ caller, exchange, body, requestId }) {
        const task = await find(caller, exchange.params);
        if (task === null) return notFound('task');
        if (task.video === null) {
          const detail = `The task is ${task.status} and has no video. Only a task that succeeded has a video.`;
          return refuse({ code: 'state_conflict', detail });
        }
        const { request_id: _, ...asked } = body;
        const linkUntil = (expiresAt: Date): VideoLink =>
          videoLink(deps.linkSigner, around.publicUrl(), {
            accountUuid: caller.accountUuid,
            taskId: task.id,
            action: asked.action,
            expiresAt,
          });
        const key = requestKey(caller, 'POST /v1/tasks/:task_id/links', requestId, { task: task.id, ...asked });
        return answerPost(deps.db, key, {
          replay: async (expiresAt) => accept(linkUntil(new Date(expiresAt))),
          make(commit) {
            const link = linkUntil(new Date(deps.clock.now().getTime() + asked.expires_in * 1_000));
            // A link is not stored: what a replay needs of it is when it expires.
            return commit(
              async () => accept(link),
              () => link.expires_at,
            );
          },
        });
      },
    }),
  ];
}
