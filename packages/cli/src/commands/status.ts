import { Flags } from '@oclif/core';
import { ServerCommand } from '../server-command.ts';
import { batchArg } from '../batch/batch-arg.ts';
import { exitCodeOf } from '../batch/batch-state.ts';
import { batchSummary } from '../batch/batch-summary.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';

/** Shows one batch. */
export default class Status extends ServerCommand {
  static override summary = 'Show the state of a batch and what it has cost so far.';
  static override examples = [
    '<%= config.bin %> status bat_3kTz…',
    { description: 'Use the state in a script', command: '<%= config.bin %> status bat_3kTz… --exit-code; echo $?' },
  ];
  static override args = batchArg;
  static override flags = {
    'exit-code': Flags.boolean({ summary: 'End with the exit code of the batch state: 0, 1, 68, 69 or 70.' }),
  };

  override async perform(): Promise<ExitCode> {
    const { args, flags } = await this.parse(Status);
    const client = await this.connect(flags);
    const batch = await client.batches.retrieve(args.id, this.options);
    await this.show(batch, () => batchSummary(batch, this.output.paint));
    return flags['exit-code'] ? exitCodeOf(batch) : EXIT.success;
  }
}
