export { createEgressGuard, EgressRefusal, NameLookUpError } from './egress-guard.ts';
export type { EgressGuard, EgressGuardOptions, EgressRule } from './egress-guard.ts';
export { createNameResolver } from './name-resolver.ts';
export type { NameResolver } from './name-resolver.ts';
export { createSecretSealer } from './secret-sealing.ts';
export type { SecretSealer } from './secret-sealing.ts';
export { createWebhookSender } from './webhook-sender.ts';
export type { WebhookAnswer, WebhookRequest, WebhookSender } from './webhook-sender.ts';
export {
  deleteEndpoint,
  getEndpoint,
  insertEndpoint,
  listEndpoints,
  prepareEndpoint,
} from './endpoints.ts';
export type { EndpointDependencies, EndpointPage, NewEndpoint, PreparedEndpoint } from './endpoints.ts';
export { listDeliveries } from './deliveries.ts';
export type { DeliveryFilter, DeliveryPage } from './deliveries.ts';
export { listEvents, renderEvent } from './events.ts';
export type { EventQuery, EventRow } from './events.ts';
export { startDelivery } from './start-delivery.ts';
export type { Delivery, DeliveryOptions } from './start-delivery.ts';
