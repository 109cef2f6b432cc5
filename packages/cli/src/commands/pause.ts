import { batchArg } from '../batch/batch-arg.ts';
import { stateLine } from '../batch/batch-state.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { ServerCommand } from '../server-command.ts';

/** Pauses a batch. */
export default class Pause extends ServerCommand {
  static override summary = 'Pause a batch: its waiting videos do not start until it is resumed.';
  static override description = 'Videos that are already running finish. Credits stay reserved.';
  static override examples = ['<%= config.bin %> pause bat_3kTz…'];
  static override args = batchArg;

  override async perform(): Promise<ExitCode> {
    const { args, flags } = await this.parse(Pause);
    const client = await this.connect(flags);
    const batch = await client.batches.pause(args.id, this.options);
    await this.show(batch, () => [stateLine(batch)]);
    return EXIT.success;
  }
}
