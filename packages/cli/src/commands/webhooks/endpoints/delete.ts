import { ServerCommand } from '../../../server-command.ts';
import { confirm, yesFlag } from '../../../confirm.ts';
import { EXIT, type ExitCode } from '../../../exit-codes.ts';
import { endpointLines } from '../../../webhooks/endpoint-view.ts';
import { endpointArg } from '../../../webhooks/endpoint-flags.ts';

/** Deletes an endpoint. */
export default class WebhooksEndpointsDelete extends ServerCommand {
  static override summary = 'Delete an endpoint, after showing it and asking.';
  static override description =
    'Nothing more is sent to it, and deliveries that wait for another attempt are given up. The events stay in the event list.';
  static override examples = ['<%= config.bin %> webhooks endpoints delete whe_3kTz…'];
  static override args = endpointArg;
  static override flags = { yes: yesFlag };

  override async perform(): Promise<ExitCode> {
    const { args, flags } = await this.parse(WebhooksEndpointsDelete);
    const client = await this.connect(flags);
    const endpoint = await client.webhookEndpoints.retrieve(args.id, this.options);
    if (!flags.yes) for (const line of endpointLines(endpoint)) this.output.note(line);
    await confirm(`Delete ${endpoint.id}?`, flags.yes, this.context, this.interrupt);
    await client.webhookEndpoints.delete(endpoint.id, this.options);
    await this.show({ id: endpoint.id, deleted: true }, () => [`${endpoint.id} is deleted.`]);
    return EXIT.success;
  }
}
