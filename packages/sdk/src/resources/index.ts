// Written by `npm run generate` from the files that are there.
import type { Transport } from '../transport/transport.ts';
import { AccountResource } from './account.ts';
import { BatchesResource } from './batches.ts';
import { CreditsResource } from './credits.ts';
import { EventsResource } from './events.ts';
import { LedgerResource } from './ledger.ts';
import { ModelsResource } from './models.ts';
import { TasksResource } from './tasks.ts';
import { VideosResource } from './videos.ts';
import { WebhookDeliveriesResource } from './webhook-deliveries.ts';
import { WebhookEndpointsResource } from './webhook-endpoints.ts';

export * from './account.ts';
export * from './batches.ts';
export * from './credits.ts';
export * from './events.ts';
export * from './ledger.ts';
export * from './models.ts';
export * from './tasks.ts';
export * from './videos.ts';
export * from './webhook-deliveries.ts';
export * from './webhook-endpoints.ts';

/** The resources of a client. */
export class Resources {
  readonly account: AccountResource;
  readonly batches: BatchesResource;
  readonly credits: CreditsResource;
  readonly events: EventsResource;
  readonly ledger: LedgerResource;
  readonly models: ModelsResource;
  readonly tasks: TasksResource;
  readonly videos: VideosResource;
  readonly webhookDeliveries: WebhookDeliveriesResource;
  readonly webhookEndpoints: WebhookEndpointsResource;

  constructor(transport: Transport) {
    this.account = new AccountResource(transport);
    this.batches = new BatchesResource(transport);
    this.credits = new CreditsResource(transport);
    this.events = new EventsResource(transport);
    this.ledger = new LedgerResource(transport);
    this.models = new ModelsResource(transport);
    this.tasks = new TasksResource(transport);
    this.videos = new VideosResource(transport);
    this.webhookDeliveries = new WebhookDeliveriesResource(transport);
    this.webhookEndpoints = new WebhookEndpointsResource(transport);
  }
}
