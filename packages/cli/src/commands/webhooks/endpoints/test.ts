import { ServerCommand } from '../../../server-command.ts';
import type { ExitCode } from '../../../exit-codes.ts';
import { sendTestEvent } from '../../../webhooks/test-event.ts';
import { endpointArg } from '../../../webhooks/endpoint-flags.ts';

/** Tests an endpoint. */
export default class WebhooksEndpointsTest extends ServerCommand {
  static override summary = 'Ask the server to send the event webhook.test to an endpoint.';
  static override examples = ['<%= config.bin %> webhooks endpoints test whe_3kTz…'];
  static override args = endpointArg;

  override async perform(): Promise<ExitCode> {
    const { args, flags } = await this.parse(WebhooksEndpointsTest);
    const client = await this.connect(flags);
    return sendTestEvent(client, args.id, { output: this.output, json: this.json, signal: this.interrupt });
  }
}
