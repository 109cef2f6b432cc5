import type { RedeliverableState } from '@rushes/contract/facts/states';
import type { ApiPromise } from '../api-promise.ts';
import type { ListParams, PagePromise } from '../page.ts';
import { Resource } from '../resource.ts';
import { nothing } from '../transport/readers.ts';
import type { RequestOptions } from '../transport/request.ts';
import type {
  EventType,
  ListedEvent,
  WebhookEndpoint,
  WebhookEndpointWithSecret,
  WebhookRedelivery,
} from '../types.ts';

/** A new webhook endpoint. */
export interface CreateWebhookEndpointParams {
  /** Where events are sent: https, or http where the server allows it. */
  url: string;
  description?: string | null;
  /** Only these events are sent; every event when empty or left out. */
  events?: EventType[];
}

/** What `webhookEndpoints.update` changes. A member that is left out stays as it is. */
export interface UpdateWebhookEndpointParams {
  url?: string;
  description?: string | null;
  /** Only these events are sent; every event when empty. */
  events?: EventType[];
  /** False: nothing is sent. True: events are sent again from now on, also after the server disabled the endpoint. */
  enabled?: boolean;
}

/** How the secret of an endpoint is replaced. */
export interface RotateSecretParams {
  /** Seconds during which the old secret signs too, 0 to 604,800; 86,400 when left out. */
  overlap_seconds?: number;
}

/** What `webhookEndpoints.redeliver` sends again. */
export interface RedeliverSinceParams {
  /** A time, the id of an event, or its `seq`: from there on, that event included. */
  since: Date | string | number;
  /**
   * Which deliveries. `missed` are events that the endpoint did not get because it was disabled. Exhausted and missed
   * ones when left out.
   */
  states?: RedeliverableState[];
}

const PATH = '/v1/webhook-endpoints';
const ONE = `${PATH}/{endpointId}`;

/** Webhook endpoints: the addresses that the server sends events to. */
export class WebhookEndpointsResource extends Resource {
  /** Makes an endpoint. Only this answer shows its secret: store it. In a replayed answer the secret is null. */
  create(params: CreateWebhookEndpointParams, options?: RequestOptions): ApiPromise<WebhookEndpointWithSecret> {
    return this.transport.call({ method: 'POST', path: PATH, body: params }, options);
  }

  /** One endpoint, without its secret. */
  retrieve(endpointId: string, options?: RequestOptions): ApiPromise<WebhookEndpoint> {
    return this.transport.call({ method: 'GET', path: ONE, ids: { endpointId } }, options);
  }

  /** The account's endpoints, without their secrets. */
  list(params: ListParams = {}, options?: RequestOptions): PagePromise<WebhookEndpoint> {
    return this.transport.list({ path: PATH, query: params }, options);
  }

  /** Changes what `params` names. */
  update(
    endpointId: string,
    params: UpdateWebhookEndpointParams,
    options?: RequestOptions,
  ): ApiPromise<WebhookEndpoint> {
    return this.transport.call({ method: 'PATCH', path: ONE, ids: { endpointId }, body: params }, options);
  }

  /**
   * Makes a new secret. Only this answer shows it. Until the overlap ends, every delivery is signed with both secrets:
   * give both to your receiver, and remove the old one afterwards. In a replayed answer the secret is null: rotate again.
   */
  rotateSecret(
    endpointId: string,
    params: RotateSecretParams = {},
    options?: RequestOptions,
  ): ApiPromise<WebhookEndpointWithSecret> {
    const path = `${ONE}/rotate-secret`;
    return this.transport.call({ method: 'POST', path, ids: { endpointId }, body: params }, options);
  }

  /** Sends an event `webhook.test` to this endpoint alone. `webhookDeliveries.list` shows how it went. */
  test(endpointId: string, options?: RequestOptions): ApiPromise<ListedEvent> {
    return this.transport.call({ method: 'POST', path: `${ONE}/test`, ids: { endpointId } }, options);
  }

  /**
   * Sends again what this endpoint should have got since a time: one attempt each, with the same `webhook-id`. One call
   * takes a limited number: while the answer has a `next_since`, call again with it.
   */
  redeliver(endpointId: string, params: RedeliverSinceParams, options?: RequestOptions): ApiPromise<WebhookRedelivery> {
    const path = `${ONE}/redeliver`;
    return this.transport.call({ method: 'POST', path, ids: { endpointId }, body: params }, options);
  }

  /** Deletes an endpoint. Nothing more is sent to it. */
  delete(endpointId: string, options?: RequestOptions): ApiPromise<undefined> {
    const spec = { path: ONE, ids: { endpointId }, read: nothing, goneIsSuccess: true };
    return this.transport.call({ method: 'DELETE', ...spec }, options);
  }
}
