import { Flags } from '@oclif/core';
import { RushesCommand, serverFlags } from '../../../base-command.ts';
import { confirm } from '../../../confirm.ts';
import { EXIT, type ExitCode } from '../../../exit-codes.ts';
import { endpointLines } from '../../../webhooks/endpoint-view.ts';
import { endpointArg } from '../../../webhooks/endpoint-flags.ts';

/** Ends an endpoint. */
export default class WebhooksEndpointsDelete extends RushesCommand {
  static override summary = 'Delete an endpoint: shows it, asks, and deletes it.';
  static override description =
    'Nothing more is sent to it, and what waits for another attempt is given up. Its events stay in the event list.';
  static override examples = ['<%= config.bin %> webhooks endpoints delete whe_3kTz…'];
  static override args = endpointArg;
  static override flags = { ...serverFlags, yes: Flags.boolean({ char: 'y', summary: 'Do not ask.' }) };

  override async perform(): Promise<ExitCode> {
    const { args, flags } = await this.parse(WebhooksEndpointsDelete);
    const client = await this.connect(flags);
    const endpoint = await client.webhookEndpoints.retrieve(args.id, { signal: this.interrupt });
    if (!flags.yes) for (const line of endpointLines(endpoint)) this.output.note(line);
    await confirm(`Delete ${endpoint.id}?`, flags.yes, this.interrupt);
    await client.webhookEndpoints.delete(endpoint.id, { signal: this.interrupt });
    if (this.jsonEnabled()) await this.output.document({ id: endpoint.id, deleted: true });
    else await this.output.line(`${endpoint.id} is deleted.`);
    return EXIT.success;
  }
}
