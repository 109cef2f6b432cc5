import type * as wire from '@rushes/contract/types';
import { ApiPromise } from '../api-promise.ts';
import { list, type ListParams, type PagePromise } from '../page.ts';
import { jsonBody, type RequestOptions, segment } from '../transport/request.ts';
import type { Answer, Transport } from '../transport/transport.ts';
import type {
  EventType,
  ListedEvent,
  WebhookEndpoint,
  WebhookEndpointWithSecret,
  WebhookRedelivery,
} from '../types.ts';

export interface CreateWebhookEndpointParams {
  /** Where events are sent: https, or http where the server allows it. */
  url: string;
  description?: string | null;
  /** Only these events; every event when empty or left out. */
  events?: EventType[];
}

/** What is left out stays as it is. */
export interface UpdateWebhookEndpointParams {
  url?: string;
  description?: string | null;
  /** Only these events; every event when empty. */
  events?: EventType[];
  /** False: nothing is sent; true: sent again from now on, also after the server had disabled it. */
  enabled?: boolean;
}

export interface RotateSecretParams {
  /** Seconds during which the old secret signs too, 0 to 604,800; 86,400 when left out. */
  overlap_seconds?: number;
}

export interface RedeliverSinceParams {
  /** A time, the id of an event, or its `seq`: from there on, that one included. */
  since: Date | string | number;
  /** Which deliveries: `missed` are events that the endpoint never got, as it was disabled. Exhausted and missed ones when left out. */
  states?: wire.RedeliverableState[];
}

const PATH = '/v1/webhook-endpoints';

/** Where the server sends events. */
export class WebhookEndpoints {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The answer is the only one that ever shows the secret: store it. In a replay it is null. */
  create(params: CreateWebhookEndpointParams, options?: RequestOptions): ApiPromise<WebhookEndpointWithSecret> {
    const send = async (): Promise<Answer<WebhookEndpointWithSecret>> =>
      this.#transport.json({ method: 'POST', path: PATH, body: jsonBody(params) }, options);
    return new ApiPromise(send());
  }

  /** Without its secret. */
  retrieve(endpointId: string, options?: RequestOptions): ApiPromise<WebhookEndpoint> {
    return new ApiPromise(this.#send('GET', endpointId, '', undefined, options));
  }

  list(params: ListParams = {}, options?: RequestOptions): PagePromise<WebhookEndpoint> {
    return list(this.#transport, () => ({ path: PATH, query: { ...params } }), options);
  }

  /** Changes what `params` names. */
  update(
    endpointId: string,
    params: UpdateWebhookEndpointParams,
    options?: RequestOptions,
  ): ApiPromise<WebhookEndpoint> {
    return new ApiPromise(this.#send('PATCH', endpointId, '', params, options));
  }

  /**
   * Makes a new secret, shown in this answer only. Until the overlap ends every delivery is signed with both: give your
   * receiver both, and take the old one away afterwards. In a replay the secret is null: rotate once more.
   */
  rotateSecret(
    endpointId: string,
    params: RotateSecretParams = {},
    options?: RequestOptions,
  ): ApiPromise<WebhookEndpointWithSecret> {
    return new ApiPromise(this.#send('POST', endpointId, '/rotate-secret', params, options));
  }

  /** Sends an event `webhook.test` to this endpoint alone; `webhookDeliveries.list` shows how it went. */
  test(endpointId: string, options?: RequestOptions): ApiPromise<ListedEvent> {
    return new ApiPromise(this.#send('POST', endpointId, '/test', {}, options));
  }

  /**
   * Sends again what this endpoint was to be sent since a time: one attempt each, with the same `webhook-id`. One call
   * takes a bounded number: while the answer has a `next_since`, call again with it.
   */
  redeliver(
    endpointId: string,
    { since, ...rest }: RedeliverSinceParams,
    options?: RequestOptions,
  ): ApiPromise<WebhookRedelivery> {
    const body = { since: since instanceof Date ? since.toISOString() : since, ...rest };
    return new ApiPromise(this.#send('POST', endpointId, '/redeliver', body, options));
  }

  delete(endpointId: string, options?: RequestOptions): ApiPromise<undefined> {
    const send = async (): Promise<Answer<undefined>> => {
      const path = `${PATH}/${segment(endpointId, 'endpointId')}`;
      return this.#transport.nothing({ method: 'DELETE', path, goneIsSuccess: true }, options);
    };
    return new ApiPromise(send());
  }

  async #send<T>(
    method: 'GET' | 'POST' | 'PATCH',
    endpointId: string,
    action: '' | '/rotate-secret' | '/test' | '/redeliver',
    body: object | undefined,
    options: RequestOptions | undefined,
  ): Promise<Answer<T>> {
    const path = `${PATH}/${segment(endpointId, 'endpointId')}${action}`;
    return this.#transport.json({ method, path, ...(body === undefined ? {} : { body: jsonBody(body) }) }, options);
  }
}
