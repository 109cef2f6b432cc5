import type { PagePromise } from '../page.ts';
import { Resource } from '../resource.ts';
import type { RequestOptions } from '../transport/request.ts';
import type { Model } from '../types.ts';

/** The models that you can use. */
export class ModelsResource extends Resource {
  /** Lists every model with its price in credits, limits, parameters and lifecycle. */
  list(options?: RequestOptions): PagePromise<Model> {
    return this.transport.list({ path: '/v1/models' }, options);
  }
}
