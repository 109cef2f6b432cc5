import { ApiPromise } from '../api-promise.ts';
import { list, type ListParams, type PagePromise } from '../page.ts';
import { jsonBody, type RequestOptions, segment } from '../transport/request.ts';
import type { Answer, Transport } from '../transport/transport.ts';
import type { EventType, WebhookDelivery } from '../types.ts';

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

/** What was sent where, with every attempt. */
export class WebhookDeliveries {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Newest first. */
  list(params: WebhookDeliveryListParams = {}, options?: RequestOptions): PagePromise<WebhookDelivery> {
    return list(this.#transport, () => ({ path: PATH, query: { ...params } }), options);
  }

  retrieve(deliveryId: string, options?: RequestOptions): ApiPromise<WebhookDelivery> {
    const send = async (): Promise<Answer<WebhookDelivery>> =>
      this.#transport.json({ method: 'GET', path: `${PATH}/${segment(deliveryId, 'deliveryId')}` }, options);
    return new ApiPromise(send());
  }

  /** Sends it once more, now, with the same `webhook-id`; the attempt shows up in the delivery. */
  redeliver(deliveryId: string, options?: RequestOptions): ApiPromise<WebhookDelivery> {
    const send = async (): Promise<Answer<WebhookDelivery>> => {
      const path = `${PATH}/${segment(deliveryId, 'deliveryId')}/redeliver`;
      return this.#transport.json({ method: 'POST', path, body: jsonBody({}) }, options);
    };
    return new ApiPromise(send());
  }
}
