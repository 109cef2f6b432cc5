import { Flags } from '@oclif/core';
import { unwrap } from '@rushes/sdk/webhooks';
import { RushesCommand } from '../../base-command.ts';
import { usageError } from '../../cli-error.ts';
import { EXIT, type ExitCode } from '../../exit-codes.ts';
import { readInput } from '../../input/read-input.ts';
import { printable } from '../../output/terminal.ts';
import { environmentSecrets, secretsIn } from '../../webhooks/local-secret.ts';
import { requestHeaders } from '../../webhooks/request-headers.ts';

/** Checks the signature of a webhook that was received. */
export default class WebhooksVerify extends RushesCommand {
  static override summary = 'Check that a webhook request came from the server, and show its event.';
  static override description = `Give the body exactly as it arrived, because the signature covers its bytes. The secret is read from RUSHES_WEBHOOK_SECRET (during a rotation both secrets, separated by a space) or from a file, never from the command line. No API key and no server are needed. Exit code 1 when the request is not genuine.`;
  static override examples = [
    {
      description: 'A body and headers that a receiver saved',
      command: '<%= config.bin %> webhooks verify --body body.json --headers headers.txt',
    },
    {
      description: 'An old request, with its headers one by one',
      command:
        "<%= config.bin %> webhooks verify --any-age -H 'webhook-id: evt_…' -H 'webhook-timestamp: 1795000000' -H 'webhook-signature: v1,…' < body.json",
    },
  ];
  static override flags = {
    body: Flags.string({
      summary: 'File with the raw body, or - for standard input.',
      default: '-',
      helpValue: 'FILE',
    }),
    headers: Flags.string({
      summary: 'File with the headers, as "name: value" lines or a JSON object.',
      helpValue: 'FILE',
    }),
    header: Flags.string({
      char: 'H',
      summary: 'One header.',
      helpValue: "'NAME: VALUE'",
      multiple: true,
      multipleNonGreedy: true,
    }),
    'secret-file': Flags.string({ summary: 'File with the secret, or - for standard input.', helpValue: 'FILE' }),
    tolerance: Flags.integer({
      summary: 'Largest age of the signature in seconds.',
      default: 300,
      min: 0,
      exclusive: ['any-age'],
    }),
    'any-age': Flags.boolean({ summary: 'Accept a signature of any age, to check an old delivery.' }),
  };

  override async perform(): Promise<ExitCode> {
    const { flags } = await this.parse(WebhooksVerify);
    if (flags.body === '-' && flags['secret-file'] === '-')
      throw usageError('Standard input cannot be both the body and the secret. Name a file for one of them.');
    const secrets = await this.#secrets(flags['secret-file']);
    const headers = await requestHeaders(this.context.files, flags.headers, flags.header ?? []);
    const { bytes: body } = await readInput(flags.body, this.context, this.interrupt);
    const toleranceSeconds = flags['any-age'] ? Number.MAX_SAFE_INTEGER : flags.tolerance;
    const event = await unwrap(body, headers, secrets, {
      toleranceSeconds,
      now: new Date(this.context.clock.nowMs()),
    });
    await this.show({ valid: true, event }, () => [`genuine  ${printable(event.type)}  ${printable(event.id)}`]);
    return EXIT.success;
  }

  async #secrets(file: string | undefined): Promise<string[]> {
    const secrets =
      file === undefined
        ? environmentSecrets(this.context.environment)
        : secretsIn(new TextDecoder().decode((await readInput(file, this.context, this.interrupt)).bytes));
    if (secrets.length > 0) return secrets;
    throw usageError(
      'There is no webhook secret.',
      'Set RUSHES_WEBHOOK_SECRET to the whsec_… that was shown when the endpoint was created, or name a file with --secret-file.',
    );
  }
}
