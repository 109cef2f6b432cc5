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

/** Parameters of `webhookEndpoints.create`. */
export interface CreateWebhookEndpointParams {
  /** The URL that events are sent to: https, or http if the server allows it. */
  url: string;
  description?: string | null;
  /** The types of events to send. An empty list means every type, and so does leaving it out. */
  events?: EventType[];
}

/** Parameters of `webhookEndpoints.update`. A field that is left out stays as it is. */
export interface UpdateWebhookEndpointParams {
  url?: string;
  description?: string | null;
  /** The types of events to send. An empty list means every type. */
  events?: EventType[];
  /** False: nothing is sent. True: events are sent again from now on, also after the server disabled the endpoint. */
  enabled?: boolean;
}

/** Options of `webhookEndpoints.rotateSecret`. */
export interface RotateSecretParams {
  /** Seconds during which deliveries are also signed with the old secret, 0 to 604,800. The default is 86,400. */
  overlap_seconds?: number;
}

/** Parameters of `webhookEndpoints.redeliver`. */
export interface RedeliverSinceParams {
  /** A time, the id of an event, or its `seq`. Deliveries from there on are sent again, including that event. */
  since: Date | string | number;
  /**
   * Which deliveries to send again. `missed` are events that the endpoint did not get because it was disabled. The
   * default is exhausted and missed ones.
   */
  states?: RedeliverableState[];
}

const PATH = '/v1/webhook-endpoints';
const ONE = `${PATH}/{endpointId}`;

/** Webhook endpoints: the URLs that the server sends events to. */
export class WebhookEndpointsResource extends Resource {
  /**
   * Creates an endpoint. Only this answer shows its secret, so store it. When the request is repeated, the secret in
   * the answer is null.
   */
  create(params: CreateWebhookEndpointParams, options?: RequestOptions): ApiPromise<WebhookEndpointWithSecret> {
    return this.transport.call({ method: 'POST', path: PATH, body: params }, options);
  }

  /** Gets one endpoint, without its secret. */
  retrieve(endpointId: string, options?: RequestOptions): ApiPromise<WebhookEndpoint> {
    return this.transport.call({ method: 'GET', path: ONE, ids: { endpointId } }, options);
  }

  /** Lists the account's endpoints, without their secrets. */
  list(params: ListParams = {}, options?: RequestOptions): PagePromise<WebhookEndpoint> {
    return this.transport.list({ path: PATH, query: params }, options);
  }

  /** Changes the fields that `params` names. */
  update(
    endpointId: string,
    params: UpdateWebhookEndpointParams,
    options?: RequestOptions,
  ): ApiPromise<WebhookEndpoint> {
    return this.transport.call({ method: 'PATCH', path: ONE, ids: { endpointId }, body: params }, options);
  }

  /**
   * Creates a new secret. Only this answer shows it. Until the overlap ends, every delivery is signed with both
   * secrets. Give both to your receiver, and remove the old one afterwards. When the request is repeated, the secret in
   * the answer is null; then rotate again.
   */
  rotateSecret(
    endpointId: string,
    params: RotateSecretParams = {},
    options?: RequestOptions,
  ): ApiPromise<WebhookEndpointWithSecret> {
    const path = `${ONE}/rotate-secret`;
    return this.transport.call({ method: 'POST', path, ids: { endpointId }, body: params }, options);
  }

  /** Sends an event `webhook.test` to this endpoint only. `webhookDeliveries.list` shows the result. */
  test(endpointId: string, options?: RequestOptions): ApiPromise<ListedEvent> {
    return this.transport.call({ method: 'POST', path: `${ONE}/test`, ids: { endpointId } }, options);
  }

  /**
   * Sends events again that this endpoint should have got since a time: one attempt for each, with the same
   * `webhook-id`. One call has a limit: as long as the answer has a `next_since`, call again with it.
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
