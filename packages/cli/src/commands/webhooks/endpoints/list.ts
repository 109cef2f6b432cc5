import { RushesCommand, serverFlags } from '../../../base-command.ts';
import type { ExitCode } from '../../../exit-codes.ts';
import { printable, shorten, table } from '../../../output/terminal.ts';
import { count } from '../../../output/wording.ts';
import { endpointState } from '../../../webhooks/endpoint-view.ts';
import { listFlags, listSize } from '../../../flags/paging.ts';

const EVENTS_CHARACTERS = 40;

/** Lists the account's endpoints. */
export default class WebhooksEndpointsList extends RushesCommand {
  static override summary = 'List webhook endpoints, newest first, and how they fare.';
  static override description = 'With --json, one endpoint a line.';
  static override examples = ['<%= config.bin %> webhooks endpoints list'];
  static override flags = { ...serverFlags, ...listFlags };

  override async perform(): Promise<ExitCode> {
    const { flags } = await this.parse(WebhooksEndpointsList);
    const client = await this.connect(flags);
    const { limit, pageSize } = listSize(flags);
    const endpoints = client.webhookEndpoints.list({ limit: pageSize }, { signal: this.interrupt });
    return this.printList(endpoints, limit, 'endpoints', (rows) =>
      table(
        [
          ['ENDPOINT', 'STATE', 'GIVEN UP', 'EVENTS', 'URL'],
          ...rows.map((endpoint) => [
            endpoint.id,
            endpointState(endpoint),
            count(endpoint.exhausted_count),
            shorten(endpoint.events.length === 0 ? 'all' : printable(endpoint.events.join(',')), EVENTS_CHARACTERS),
            printable(endpoint.url),
          ]),
        ],
        new Set([2]),
      ),
    );
  }
}
