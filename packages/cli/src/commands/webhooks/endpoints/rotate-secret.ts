import { Flags } from '@oclif/core';
import { ServerCommand } from '../../../server-command.ts';
import { durationFlag } from '../../../flags/duration.ts';
import { EXIT, type ExitCode } from '../../../exit-codes.ts';
import { checkSecretFile, showWithSecret } from '../../../webhooks/endpoint-view.ts';
import { endpointArg, secretFileFlag } from '../../../webhooks/endpoint-flags.ts';

const SECOND_MS = 1_000;

/** Gives an endpoint a new signing secret. */
export default class WebhooksEndpointsRotateSecret extends ServerCommand {
  static override summary = 'Create a new signing secret; the old one stays valid for a while.';
  static override description =
    'Until the overlap ends, every delivery has both signatures, so a receiver with either secret accepts it. Give the receiver the new secret in this time, so that no event is lost. The new secret is shown only once.';
  static override examples = [
    '<%= config.bin %> webhooks endpoints rotate-secret whe_3kTz… --overlap 2h',
    {
      description: 'The old secret leaked',
      command: '<%= config.bin %> webhooks endpoints rotate-secret whe_3kTz… --no-overlap',
    },
  ];
  static override args = endpointArg;
  static override flags = {
    overlap: durationFlag({
      summary: 'How long the old secret stays valid, at most a week; the default is a day.',
      exclusive: ['no-overlap'],
    }),
    'no-overlap': Flags.boolean({ summary: 'Make the old secret invalid now.' }),
    'secret-file': secretFileFlag,
  };

  override async perform(): Promise<ExitCode> {
    const { args, flags } = await this.parse(WebhooksEndpointsRotateSecret);
    await checkSecretFile(this.context.files, flags['secret-file']);
    const overlap = flags['no-overlap'] ? 0 : flags.overlap;
    const client = await this.connect(flags);
    const endpoint = await client.webhookEndpoints.rotateSecret(
      args.id,
      overlap === undefined ? {} : { overlap_seconds: overlap / SECOND_MS },
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
