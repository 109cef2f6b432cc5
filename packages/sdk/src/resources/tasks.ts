import { ApiPromise } from '../api-promise.ts';
import { jsonBody, type RequestOptions, segment } from '../transport/request.ts';
import type { Answer, Transport } from '../transport/transport.ts';
import type { LinkAction, Task, VideoLink } from '../types.ts';

export interface CreateLinkParams {
  action: LinkAction;
  /** Seconds that the link is good for, 60 to 86,400; 3,600 when left out. */
  expires_in?: number;
}

/** Single tasks. The tasks of a batch are at `batches.tasks`. */
export class Tasks {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  retrieve(taskId: string, options?: RequestOptions): ApiPromise<Task> {
    const send = async (): Promise<Answer<Task>> =>
      this.#transport.json({ method: 'GET', path: `/v1/tasks/${segment(taskId, 'taskId')}` }, options);
    return new ApiPromise(send());
  }

  /** A signed link to the video of a task that succeeded. Whoever has the link has the video until it expires. */
  createLink(taskId: string, params: CreateLinkParams, options?: RequestOptions): ApiPromise<VideoLink> {
    const send = async (): Promise<Answer<VideoLink>> => {
      const path = `/v1/tasks/${segment(taskId, 'taskId')}/links`;
      return this.#transport.json({ method: 'POST', path, body: jsonBody(params) }, options);
    };
    return new ApiPromise(send());
  }
}
