import { Args, Flags } from '@oclif/core';
import { RushesCommand, serverFlags } from '../base-command.ts';
import { exitCodeOf } from '../batch/batch-state.ts';
import { batchSummary } from '../batch/batch-summary.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';

/** Shows one batch. */
export default class Status extends RushesCommand {
  static override summary = 'Show how a batch stands and what it cost so far.';
  static override examples = [
    '<%= config.bin %> status bat_3kTz…',
    { description: 'Use the state in a script', command: '<%= config.bin %> status bat_3kTz… --exit-code; echo $?' },
  ];
  static override args = { id: Args.string({ description: 'Batch, as in "rushes list".', required: true }) };
  static override flags = {
    ...serverFlags,
    'exit-code': Flags.boolean({ summary: 'End with the exit code of the state: 0, 1, 68, 69 or 70.' }),
  };

  override async perform(): Promise<ExitCode> {
    const { args, flags } = await this.parse(Status);
    const client = await this.connect(flags);
    const batch = await client.batches.retrieve(args.id, { signal: this.interrupt });
    if (this.jsonEnabled()) await this.output.document(batch);
    else for (const line of batchSummary(batch, this.output.paint)) await this.output.line(line);
    return flags['exit-code'] ? exitCodeOf(batch) : EXIT.success;
  }
}
