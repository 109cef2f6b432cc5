import { DELIVERY_STATES } from '@rushes/contract/facts/states';
import { Args, Flags } from '@oclif/core';
import type { WebhookDelivery, WebhookDeliveryListParams } from '@rushes/sdk';
import { EXIT, type ExitCode } from '../../exit-codes.ts';
import { createdFlags } from '../../flags/time.ts';
import { given } from '../../given.ts';
import { ListCommand } from '../../list-command.ts';
import { type Column, printable, shorten } from '../../output/terminal.ts';
import { moment } from '../../output/wording.ts';
import { deliveryLines, outcomeOf } from '../../webhooks/delivery-view.ts';

const ERROR_CHARACTERS = 48;

const COLUMNS: readonly Column<WebhookDelivery>[] = [
  { name: 'DELIVERY', cell: (delivery) => printable(delivery.id) },
  { name: 'CREATED (UTC)', cell: (delivery) => moment(delivery.created_at) },
  { name: 'EVENT', cell: (delivery) => printable(delivery.event_type) },
  { name: 'STATE', cell: (delivery) => printable(delivery.state) },
  { name: 'TRIES', cell: (delivery) => String(delivery.attempts.length), align: 'right' },
  { name: 'LAST', cell: (delivery) => shorten(outcomeOf(delivery.attempts.at(-1)), ERROR_CHARACTERS) },
];

/** Lists deliveries and how they ended. */
export default class WebhooksDeliveries extends ListCommand {
  static override summary = 'List webhook deliveries, newest first, or show one with every attempt.';
  static override description =
    'With --json, one delivery per line, with all of its attempts; with an ID, one document.';
  static override examples = [
    '<%= config.bin %> webhooks deliveries --state exhausted',
    { description: 'See why one of them failed', command: '<%= config.bin %> webhooks deliveries whd_3kTz…' },
  ];
  static override args = { id: Args.string({ description: 'Show this delivery with every attempt.' }) };
  static override flags = {
    endpoint: Flags.string({ summary: 'Only deliveries to this endpoint.', helpValue: 'ID' }),
    event: Flags.string({ summary: 'Only deliveries of this event.', helpValue: 'ID' }),
    type: Flags.string({ summary: 'Only deliveries of events of this type.' }),
    state: Flags.string({ summary: 'Only deliveries in this state.', options: DELIVERY_STATES }),
    ...createdFlags,
  };

  override async perform(): Promise<ExitCode> {
    const { args, flags } = await this.parse(WebhooksDeliveries);
    if (args.id !== undefined) {
      const client = await this.connect(flags);
      const delivery = await client.webhookDeliveries.retrieve(args.id, this.options);
      await this.show(delivery, () => deliveryLines(delivery));
      return EXIT.success;
    }
    const query = given<WebhookDeliveryListParams>({
      endpoint_id: flags.endpoint,
      event_id: flags.event,
      event_type: flags.type,
      state: flags.state,
      created_after: flags.since,
      created_before: flags.until,
    });
    return this.list(flags, {
      noun: 'deliveries',
      columns: COLUMNS,
      ask: (client, page) => client.webhookDeliveries.list({ ...query, ...page }, this.options),
    });
  }
}
