import type { WebhookEndpoint } from '@rushes/sdk';
import type { ExitCode } from '../../../exit-codes.ts';
import { ListCommand } from '../../../list-command.ts';
import { type Column, printable, shorten } from '../../../output/terminal.ts';
import { count } from '../../../output/wording.ts';
import { endpointState } from '../../../webhooks/endpoint-view.ts';

const EVENTS_CHARACTERS = 40;

const COLUMNS: readonly Column<WebhookEndpoint>[] = [
  { name: 'ENDPOINT', cell: (endpoint) => endpoint.id },
  { name: 'STATE', cell: endpointState },
  { name: 'GIVEN UP', cell: (endpoint) => count(endpoint.exhausted_count), align: 'right' },
  {
    name: 'EVENTS',
    cell: ({ events }) => shorten(events.length === 0 ? 'all' : printable(events.join(',')), EVENTS_CHARACTERS),
  },
  { name: 'URL', cell: (endpoint) => printable(endpoint.url) },
];

/** Lists the account's endpoints. */
export default class WebhooksEndpointsList extends ListCommand {
  static override summary = 'List webhook endpoints and their state, newest first.';
  static override description = 'With --json, one endpoint per line.';
  static override examples = ['<%= config.bin %> webhooks endpoints list'];

  override async perform(): Promise<ExitCode> {
    const { flags } = await this.parse(WebhooksEndpointsList);
    return this.list(flags, {
      noun: 'endpoints',
      columns: COLUMNS,
      ask: (client, page) => client.webhookEndpoints.list(page, this.options),
    });
  }
}
