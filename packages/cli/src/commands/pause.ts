import { Args } from '@oclif/core';
import { RushesCommand, serverFlags } from '../base-command.ts';
import { stateWord } from '../batch/batch-state.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';

/** Pause a batch: nothing new of it starts until it is resumed. */
export default class Pause extends RushesCommand {
  static override summary = 'Pause a batch: nothing new of it starts until it is resumed.';
  static override description = 'Videos that already run go on to their end. Credits stay reserved.';
  static override examples = ['<%= config.bin %> pause bat_3kTz…'];
  static override args = { id: Args.string({ description: 'Batch, as in "rushes list".', required: true }) };
  static override flags = { ...serverFlags };

  override async perform(): Promise<ExitCode> {
    const { args, flags } = await this.parse(Pause);
    const client = await this.connect(flags);
    const batch = await client.batches.pause(args.id, { signal: this.interrupt });
    if (this.jsonEnabled()) await this.output.document(batch);
    else await this.output.line(`${batch.id} ${stateWord(batch)}`);
    return EXIT.success;
  }
}
