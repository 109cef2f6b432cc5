import { Args, Flags } from '@oclif/core';
import { ServerCommand } from '../../../server-command.ts';
import { EXIT, type ExitCode } from '../../../exit-codes.ts';
import { checkSecretFile, showWithSecret } from '../../../webhooks/endpoint-view.ts';
import { eventTypes } from '../../../webhooks/event-filter.ts';
import { eventsFlag, secretFileFlag } from '../../../webhooks/endpoint-flags.ts';

/** Creates an endpoint. */
export default class WebhooksEndpointsCreate extends ServerCommand {
  static override summary = 'Create an endpoint; events are sent to its URL. The signing secret is shown only once.';
  static override examples = [
    '<%= config.bin %> webhooks endpoints create https://example.com/hooks/rushes --secret-file .webhook-secret',
    {
      description: 'Only the events for the end of a batch',
      command:
        '<%= config.bin %> webhooks endpoints create https://example.com/hooks --events batch.completed,batch.partial,batch.failed,batch.canceled',
    },
  ];
  static override args = { url: Args.string({ description: 'URL that events are sent to.', required: true }) };
  static override flags = {
    events: eventsFlag,
    description: Flags.string({ summary: 'What the endpoint is for.' }),
    'secret-file': secretFileFlag,
  };

  override async perform(): Promise<ExitCode> {
    const { args, flags } = await this.parse(WebhooksEndpointsCreate);
    await checkSecretFile(this.context.files, flags['secret-file']);
    const client = await this.connect(flags);
    const endpoint = await client.webhookEndpoints.create(
      {
        url: args.url,
        ...(flags.description === undefined ? {} : { description: flags.description }),
        ...(flags.events === undefined ? {} : { events: eventTypes(flags.events) }),
      },
      this.options,
    );
    await showWithSecret(endpoint, flags['secret-file'], {
      output: this.output,
      json: this.json,
      files: this.context.files,
    });
    return EXIT.success;
  }
}
