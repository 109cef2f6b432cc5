import type { ApiPromise } from '../api-promise.ts';
import { Resource } from '../resource.ts';
import type { RequestOptions } from '../transport/request.ts';
import type { LinkAction, Task, VideoLink } from '../types.ts';

/** Parameters of `tasks.createLink`. */
export interface CreateLinkParams {
  action: LinkAction;
  /** Seconds that the link is valid, 60 to 86,400. The default is 3,600. */
  expires_in?: number;
}

/** Single tasks. Use `batches.tasks` for the tasks of a batch. */
export class TasksResource extends Resource {
  /** Gets one task. Rejects with `NotFoundError` when the account has no such task. */
  retrieve(taskId: string, options?: RequestOptions): ApiPromise<Task> {
    return this.transport.call({ method: 'GET', path: '/v1/tasks/{taskId}', ids: { taskId } }, options);
  }

  /**
   * Creates a signed link to the video of a task that succeeded. Everybody who has the link can get the video until the
   * link expires.
   */
  createLink(taskId: string, params: CreateLinkParams, options?: RequestOptions): ApiPromise<VideoLink> {
    const path = '/v1/tasks/{taskId}/links';
    return this.transport.call({ method: 'POST', path, ids: { taskId }, body: params }, options);
  }
}
