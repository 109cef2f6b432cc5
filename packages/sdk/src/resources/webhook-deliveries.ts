import type { ApiPromise } from '../api-promise.ts';
import type { ListParams, PagePromise } from '../page.ts';
import { Resource } from '../resource.ts';
import type { RequestOptions } from '../transport/request.ts';
import type { EventType, WebhookDelivery } from '../types.ts';

/** Filters and order of `webhookDeliveries.list`. */
export interface WebhookDeliveryListParams extends ListParams {
  endpoint_id?: string;
  event_id?: string;
  state?: WebhookDelivery['state'];
  event_type?: EventType;
  created_after?: Date | string;
  created_before?: Date | string;
  /** Newest first when left out. */
  order?: 'asc' | 'desc';
}

const PATH = '/v1/webhook-deliveries';

/** Deliveries. A delivery is one event that is sent to one webhook endpoint, with every attempt. */
export class WebhookDeliveriesResource extends Resource {
  /** Lists deliveries, newest first. */
  list(params: WebhookDeliveryListParams = {}, options?: RequestOptions): PagePromise<WebhookDelivery> {
    return this.transport.list({ path: PATH, query: params }, options);
  }

  /** Gets one delivery. Rejects with `NotFoundError` when the account has no such delivery. */
  retrieve(deliveryId: string, options?: RequestOptions): ApiPromise<WebhookDelivery> {
    return this.transport.call({ method: 'GET', path: `${PATH}/{deliveryId}`, ids: { deliveryId } }, options);
  }

  /** Sends the event of a delivery once more, now, with the same `webhook-id`. The delivery shows the new attempt. */
  redeliver(deliveryId: string, options?: RequestOptions): ApiPromise<WebhookDelivery> {
    return this.transport.call(
      { method: 'POST', path: `${PATH}/{deliveryId}/redeliver`, ids: { deliveryId } },
      options,
    );
  }
}
