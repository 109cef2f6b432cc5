import { ApiPromise } from '../api-promise.ts';
import { list, type ListParams, type PagePromise } from '../page.ts';
import { jsonBody, type RequestOptions, segment } from '../transport/request.ts';
import type { Answer, Transport } from '../transport/transport.ts';
import type { EventType, WebhookDelivery, WebhookEndpoint, WebhookEndpointWithSecret } from '../types.ts';

export interface CreateWebhookEndpointParams {
  /** Where events are sent: https, or http where the server allows it. */
  url: string;
  description?: string | null;
  /** Only these events; every event when empty or left out. */
  events?: EventType[];
}

/** Where the server sends events. */
export class WebhookEndpoints {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The answer is the only one that ever shows the secret: store it. In a replay it is null. */
  create(params: CreateWebhookEndpointParams, options?: RequestOptions): ApiPromise<WebhookEndpointWithSecret> {
    const spec = { method: 'POST', path: '/v1/webhook-endpoints', body: jsonBody(params) } as const;
    return new ApiPromise(this.#transport.json(spec, options));
  }

  list(params: ListParams = {}, options?: RequestOptions): PagePromise<WebhookEndpoint> {
    return list(this.#transport, () => ({ path: '/v1/webhook-endpoints', query: { ...params } }), options);
  }

  delete(endpointId: string, options?: RequestOptions): ApiPromise<undefined> {
    const send = async (): Promise<Answer<undefined>> => {
      const path = `/v1/webhook-endpoints/${segment(endpointId, 'endpointId')}`;
      return this.#transport.nothing({ method: 'DELETE', path, goneIsSuccess: true }, options);
    };
    return new ApiPromise(send());
  }
}

/** What was sent where, with every attempt. */
export class WebhookDeliveries {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Newest first. */
  list(params: ListParams = {}, options?: RequestOptions): PagePromise<WebhookDelivery> {
    return list(this.#transport, () => ({ path: '/v1/webhook-deliveries', query: { ...params } }), options);
  }
}
