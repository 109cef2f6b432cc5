import type { ApiPromise } from '../api-promise.ts';
import { Resource } from '../resource.ts';
import type { RequestOptions } from '../transport/request.ts';
import type { LinkAction, Task, VideoLink } from '../types.ts';

/** What a link to a video is for. */
export interface CreateLinkParams {
  action: LinkAction;
  /** Seconds that the link is valid, 60 to 86,400; 3,600 when left out. */
  expires_in?: number;
}

/** Single tasks. The tasks of a batch are at `batches.tasks`. */
export class TasksResource extends Resource {
  /** One task. Rejects with `NotFoundError` when the account has no such task. */
  retrieve(taskId: string, options?: RequestOptions): ApiPromise<Task> {
    return this.transport.call({ method: 'GET', path: '/v1/tasks/{taskId}', ids: { taskId } }, options);
  }

  /** A signed link to the video of a task that succeeded. Whoever has the link can get the video until it expires. */
  createLink(taskId: string, params: CreateLinkParams, options?: RequestOptions): ApiPromise<VideoLink> {
    const path = '/v1/tasks/{taskId}/links';
    return this.transport.call({ method: 'POST', path, ids: { taskId }, body: params }, options);
  }
}
