import { Flags } from '@oclif/core';
import { RushesCommand, serverFlags } from '../../base-command.ts';
import { EXIT, type ExitCode } from '../../exit-codes.ts';
import { credits } from '../../output/wording.ts';

/** Shows or sets the threshold of the event credits.low. */
export default class CreditsAlert extends RushesCommand {
  static override summary = 'Show, set or turn off the threshold below which the event credits.low is sent.';
  static override description =
    'The event is sent once each time that available credits fall from at least the threshold to below it. Setting one sends nothing. With --json the account is printed.';
  static override examples = [
    '<%= config.bin %> credits alert',
    '<%= config.bin %> credits alert --below 50000',
    '<%= config.bin %> credits alert --off',
  ];
  static override flags = {
    ...serverFlags,
    below: Flags.integer({
      summary: 'Send it when fewer credits than this are available.',
      min: 1,
      exclusive: ['off'],
    }),
    off: Flags.boolean({ summary: 'Never send it.' }),
  };

  override async perform(): Promise<ExitCode> {
    const { flags } = await this.parse(CreditsAlert);
    const client = await this.connect(flags);
    const options = { signal: this.interrupt };
    const threshold = flags.off ? null : flags.below;
    const account =
      threshold === undefined
        ? await client.account.retrieve(options)
        : await client.account.update({ low_credits_threshold: threshold }, options);
    if (this.jsonEnabled()) {
      await this.output.document(account);
      return EXIT.success;
    }
    const { low_credits_threshold: below } = account;
    await this.output.line(
      below === null
        ? 'The event credits.low is never sent.'
        : `The event credits.low is sent below ${credits(below)}.`,
    );
    return EXIT.success;
  }
}
