import { Args, Flags } from '@oclif/core';
import type { CancelResult } from '@rushes/sdk';
import { RushesCommand, serverFlags } from '../base-command.ts';
import { stateWord } from '../batch/batch-state.ts';
import { confirm } from '../confirm.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { credits, plural } from '../output/wording.ts';

function consequences(result: CancelResult, tense: 'would' | 'did'): string[] {
  const running = result.still_running;
  return [
    `${credits(result.refunded)} ${tense === 'would' ? 'come back at once' : 'came back'}.`,
    running === 0
      ? 'No video is running.'
      : `${plural(running, 'video')} already running ${running === 1 ? 'goes' : 'go'} on to the end, charged or refunded by the outcome.`,
  ];
}

/** Stops what a batch has not started yet. */
export default class Cancel extends RushesCommand {
  static override summary = 'Cancel a batch: shows what it gives back, asks, and cancels.';
  static override description =
    'What was not sent yet is refunded (unless the terms of the account say otherwise); what already runs goes on to its end.';
  static override examples = [
    '<%= config.bin %> cancel bat_3kTz…',
    { description: 'Only see the consequences', command: '<%= config.bin %> cancel bat_3kTz… --dry-run' },
  ];
  static override args = { id: Args.string({ description: 'Batch, as in "rushes list".', required: true }) };
  static override flags = {
    ...serverFlags,
    yes: Flags.boolean({ char: 'y', summary: 'Do not ask.' }),
    'dry-run': Flags.boolean({ summary: 'Only show what canceling would do.' }),
  };

  override async perform(): Promise<ExitCode> {
    const { args, flags } = await this.parse(Cancel);
    const client = await this.connect(flags);
    const preview = await client.batches.cancel(args.id, { preview: true }, { signal: this.interrupt });
    if (flags['dry-run']) return this.#end(preview, 'would');
    for (const line of consequences(preview, 'would')) this.output.note(line);
    await confirm(`Cancel ${preview.batch.id}?`, flags.yes, this.interrupt);
    return this.#end(await client.batches.cancel(args.id, {}, { signal: this.interrupt }), 'did');
  }

  async #end(result: CancelResult, tense: 'would' | 'did'): Promise<ExitCode> {
    if (this.jsonEnabled()) {
      await this.output.document({ preview: tense === 'would', ...result });
      return EXIT.success;
    }
    if (tense === 'did') await this.output.line(`${result.batch.id} ${stateWord(result.batch)}`);
    for (const line of consequences(result, tense)) await this.output.line(line);
    return EXIT.success;
  }
}
