import { Flags } from '@oclif/core';
import type { CancelResult } from '@rushes/sdk';
import { ServerCommand } from '../server-command.ts';
import { batchArg } from '../batch/batch-arg.ts';
import { stateLine } from '../batch/batch-state.ts';
import { confirm, yesFlag } from '../confirm.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { credits, plural } from '../output/wording.ts';

function consequences(result: CancelResult, tense: 'would' | 'did'): string[] {
  const running = result.still_running;
  return [
    `${credits(result.refunded)} ${tense === 'would' ? 'come back at once' : 'came back'}.`,
    running === 0
      ? 'No video is running.'
      : `${plural(running, 'video')} already running ${running === 1 ? 'finishes' : 'finish'} and ${running === 1 ? 'is' : 'are'} charged or refunded by the outcome.`,
  ];
}

/** Cancels the videos of a batch that have not started. */
export default class Cancel extends ServerCommand {
  static override summary = 'Cancel a batch, after showing what comes back and asking.';
  static override description =
    'Videos that have not started are refunded, unless the terms of the account say otherwise. Running videos finish.';
  static override examples = [
    '<%= config.bin %> cancel bat_3kTz…',
    { description: 'Only show the consequences', command: '<%= config.bin %> cancel bat_3kTz… --dry-run' },
  ];
  static override args = batchArg;
  static override flags = {
    yes: yesFlag,
    'dry-run': Flags.boolean({ summary: 'Only show what canceling would do.' }),
  };

  override async perform(): Promise<ExitCode> {
    const { args, flags } = await this.parse(Cancel);
    const client = await this.connect(flags);
    const preview = await client.batches.cancel(args.id, { preview: true }, this.options);
    if (flags['dry-run']) return this.#end(preview, 'would');
    for (const line of consequences(preview, 'would')) this.output.note(line);
    await confirm(`Cancel ${preview.batch.id}?`, flags.yes, this.context, this.interrupt);
    return this.#end(await client.batches.cancel(args.id, {}, this.options), 'did');
  }

  async #end(result: CancelResult, tense: 'would' | 'did'): Promise<ExitCode> {
    await this.show({ preview: tense === 'would', ...result }, () => [
      ...(tense === 'did' ? [stateLine(result.batch)] : []),
      ...consequences(result, tense),
    ]);
    return EXIT.success;
  }
}
