import { Args } from '@oclif/core';
import { RushesCommand, serverFlags } from '../base-command.ts';
import { stateWord } from '../batch/batch-state.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';

/** Let a paused batch go on. */
export default class Resume extends RushesCommand {
  static override summary = 'Let a paused batch go on.';
  static override description =
    'A batch pauses by itself when more of its videos fail than --max-failure-rate allows; resuming starts a new count.';
  static override examples = ['<%= config.bin %> resume bat_3kTz…'];
  static override args = { id: Args.string({ description: 'Batch, as in "rushes list".', required: true }) };
  static override flags = { ...serverFlags };

  override async perform(): Promise<ExitCode> {
    const { args, flags } = await this.parse(Resume);
    const client = await this.connect(flags);
    const batch = await client.batches.resume(args.id, { signal: this.interrupt });
    if (this.jsonEnabled()) await this.output.document(batch);
    else await this.output.line(`${batch.id} ${stateWord(batch)}`);
    return EXIT.success;
  }
}
