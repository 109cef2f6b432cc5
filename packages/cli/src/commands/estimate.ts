import { Args } from '@oclif/core';
import { RushesCommand, serverFlags } from '../base-command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { table } from '../output/terminal.ts';
import { aboutLines, readSubmission } from '../submission/read-submission.ts';
import { estimateRows } from '../submission/show-estimate.ts';
import { submissionFlags } from '../submission/submission-flags.ts';

/** Prices a file without reserving anything. */
export default class Estimate extends RushesCommand {
  static override summary = 'Show what a file of prompts would cost. Reserves nothing.';
  static override examples = [
    '<%= config.bin %> estimate prompts.csv --model sora-2',
    {
      description: 'The total in credits, for a script',
      command: '<%= config.bin %> estimate prompts.csv -m veo-pro --json | jq .total',
    },
  ];
  static override args = {
    file: Args.string({ description: 'File of prompts, or - for standard input.', required: true }),
  };
  static override flags = { ...submissionFlags, ...serverFlags };

  override async perform(): Promise<ExitCode> {
    const { args, flags } = await this.parse(Estimate);
    const settings = await this.settings(flags);
    const submission = await readSubmission(args.file, flags, settings.model, this.interrupt);
    const estimate = await aboutLines(
      submission,
      this.client(settings).batches.estimate(submission.params, { signal: this.interrupt }),
    );
    if (this.jsonEnabled()) await this.output.document(estimate);
    else for (const line of table(estimateRows(estimate, submission))) await this.output.line(line);
    return EXIT.success;
  }
}
