import { Flags } from '@oclif/core';
import { ServerCommand } from '../../server-command.ts';
import { EXIT, type ExitCode } from '../../exit-codes.ts';
import { credits } from '../../output/wording.ts';

/** Shows or sets the threshold of the event credits.low. */
export default class CreditsAlert extends ServerCommand {
  static override summary = 'Show, set or turn off the threshold below which the event credits.low is sent.';
  static override description =
    'The event is sent each time the available credits fall below the threshold. Setting a threshold sends nothing. With --json, prints the account.';
  static override examples = [
    '<%= config.bin %> credits alert',
    '<%= config.bin %> credits alert --below 50000',
    '<%= config.bin %> credits alert --off',
  ];
  static override flags = {
    below: Flags.integer({
      summary: 'Send the event when fewer credits than this are available.',
      min: 1,
      exclusive: ['off'],
    }),
    off: Flags.boolean({ summary: 'Never send the event.' }),
  };

  override async perform(): Promise<ExitCode> {
    const { flags } = await this.parse(CreditsAlert);
    const client = await this.connect(flags);
    const threshold = flags.off ? null : flags.below;
    const account =
      threshold === undefined
        ? await client.account.retrieve(this.options)
        : await client.account.update({ low_credits_threshold: threshold }, this.options);
    const { low_credits_threshold: below } = account;
    await this.show(account, () => [
      below === null
        ? 'The event credits.low is never sent.'
        : `The event credits.low is sent below ${credits(below)}.`,
    ]);
    return EXIT.success;
  }
}
