import { ServerCommand } from '../server-command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { table } from '../output/terminal.ts';
import { aboutLines, readSubmission } from '../submission/read-submission.ts';
import { estimateRows } from '../submission/show-estimate.ts';
import { submissionArg, submissionFlags } from '../submission/submission-flags.ts';

/** Shows the price of a file of prompts. Reserves nothing. */
export default class Estimate extends ServerCommand {
  static override summary = 'Show what a file of prompts would cost. Reserves nothing.';
  static override examples = [
    '<%= config.bin %> estimate prompts.csv --model sora-2',
    {
      description: 'The total in credits, for a script',
      command: '<%= config.bin %> estimate prompts.csv -m veo-pro --json | jq .total',
    },
  ];
  static override args = submissionArg;
  static override flags = submissionFlags;

  override async perform(): Promise<ExitCode> {
    const { args, flags } = await this.parse(Estimate);
    const settings = await this.settings(flags);
    const submission = await readSubmission(args.file, flags, settings.model, this.context, this.interrupt);
    const estimate = await aboutLines(
      submission,
      this.client(settings).batches.estimate(submission.params, this.options),
    );
    await this.show(estimate, () => table(estimateRows(estimate, submission)));
    return EXIT.success;
  }
}
