import { Account } from './resources/account.ts';
import { Batches } from './resources/batches.ts';
import { Credits } from './resources/credits.ts';
import { Events } from './resources/events.ts';
import { Ledger } from './resources/ledger.ts';
import { Models } from './resources/models.ts';
import { Tasks } from './resources/tasks.ts';
import { Videos } from './resources/videos.ts';
import { WebhookDeliveries } from './resources/webhook-deliveries.ts';
import { WebhookEndpoints } from './resources/webhook-endpoints.ts';
import { type Ports, systemPorts } from './transport/ports.ts';
import { resolveSettings, type RushesOptions } from './transport/settings.ts';
import { Transport } from './transport/transport.ts';
import { parseUnverified, signForTest, unwrap, verify } from './webhooks/index.ts';

/**
 * Client of a Rushes server. One instance serves a whole program; it holds no connection of its own.
 *
 * Throws `RushesError` at once when there is no API key or an option cannot be meant.
 */
export class Rushes {
  readonly batches: Batches;
  readonly tasks: Tasks;
  readonly videos: Videos;
  readonly credits: Credits;
  readonly ledger: Ledger;
  readonly models: Models;
  readonly account: Account;
  readonly webhookEndpoints: WebhookEndpoints;
  readonly webhookDeliveries: WebhookDeliveries;
  readonly events: Events;
  /** Checking what a webhook endpoint receives; also alone at `@rushes/sdk/webhooks`, where no API key is needed. */
  readonly webhooks = { unwrap, verify, parseUnverified, signForTest } as const;
  /** Where the server is, without a slash at the end. */
  readonly baseUrl: string;

  /** @param ports for tests: clock, waiting and chance. */
  constructor(options: RushesOptions = {}, ports: Ports = systemPorts) {
    const transport = new Transport(resolveSettings(options), ports);
    this.baseUrl = transport.settings.baseUrl;
    this.batches = new Batches(transport);
    this.tasks = new Tasks(transport);
    this.videos = new Videos(transport, this);
    this.credits = new Credits(transport);
    this.ledger = new Ledger(transport);
    this.models = new Models(transport);
    this.account = new Account(transport);
    this.webhookEndpoints = new WebhookEndpoints(transport);
    this.webhookDeliveries = new WebhookDeliveries(transport);
    this.events = new Events(transport);
  }
}
