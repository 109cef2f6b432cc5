import { batchArg } from '../batch/batch-arg.ts';
import { stateLine } from '../batch/batch-state.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { ServerCommand } from '../server-command.ts';

/** Resumes a paused batch. */
export default class Resume extends ServerCommand {
  static override summary = 'Resume a paused batch.';
  static override description =
    'A batch pauses by itself when more of its videos fail than --max-failure-rate allows; after a resume, the counting starts again.';
  static override examples = ['<%= config.bin %> resume bat_3kTz…'];
  static override args = batchArg;

  override async perform(): Promise<ExitCode> {
    const { args, flags } = await this.parse(Resume);
    const client = await this.connect(flags);
    const batch = await client.batches.resume(args.id, this.options);
    await this.show(batch, () => [stateLine(batch)]);
    return EXIT.success;
  }
}
