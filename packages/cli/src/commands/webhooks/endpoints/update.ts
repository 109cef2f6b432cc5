import { Flags } from '@oclif/core';
import { ServerCommand } from '../../../server-command.ts';
import { usageError } from '../../../cli-error.ts';
import { EXIT, type ExitCode } from '../../../exit-codes.ts';
import { endpointLines } from '../../../webhooks/endpoint-view.ts';
import { eventTypes } from '../../../webhooks/event-filter.ts';
import { endpointArg, eventsFlag } from '../../../webhooks/endpoint-flags.ts';

/** Changes an endpoint. */
export default class WebhooksEndpointsUpdate extends ServerCommand {
  static override summary = 'Change an endpoint: its URL, events or description, or whether it is enabled.';
  static override description =
    'Everything without a flag stays as it is. An endpoint that is enabled again starts with the next event; "rushes webhooks redeliver" sends earlier ones.';
  static override examples = [
    '<%= config.bin %> webhooks endpoints update whe_3kTz… --enable',
    '<%= config.bin %> webhooks endpoints update whe_3kTz… --events all --description Production',
  ];
  static override args = endpointArg;
  static override flags = {
    url: Flags.string({ summary: 'New URL that events are sent to.' }),
    events: eventsFlag,
    description: Flags.string({ summary: 'What the endpoint is for; an empty text removes the description.' }),
    enable: Flags.boolean({ summary: 'Send events again.', exclusive: ['disable'] }),
    disable: Flags.boolean({ summary: 'Stop sending events.' }),
  };

  override async perform(): Promise<ExitCode> {
    const { args, flags } = await this.parse(WebhooksEndpointsUpdate);
    const { url, events, description, enable, disable } = flags;
    const change = {
      ...(url === undefined ? {} : { url }),
      ...(events === undefined ? {} : { events: eventTypes(events) }),
      ...(description === undefined ? {} : { description: description === '' ? null : description }),
      ...(enable ? { enabled: true } : {}),
      ...(disable ? { enabled: false } : {}),
    };
    if (Object.keys(change).length === 0) {
      throw usageError('Say what to change: --url, --events, --description, --enable or --disable.');
    }
    const client = await this.connect(flags);
    const endpoint = await client.webhookEndpoints.update(args.id, change, this.options);
    await this.show(endpoint, () => endpointLines(endpoint));
    return EXIT.success;
  }
}
