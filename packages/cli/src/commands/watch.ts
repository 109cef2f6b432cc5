import type { Batch } from '@rushes/sdk';
import { ServerCommand } from '../server-command.ts';
import { batchArg } from '../batch/batch-arg.ts';
import { exitCodeOf } from '../batch/batch-state.ts';
import { batchSummary } from '../batch/batch-summary.ts';
import { followBatch } from '../batch/follow-batch.ts';
import { durationFlag } from '../flags/duration.ts';
import type { ExitCode } from '../exit-codes.ts';

/** Follows a batch to its end. */
export default class Watch extends ServerCommand {
  static override summary = 'Follow a batch until it is final; the exit code says how it ended.';
  static override description =
    'Ctrl-C leaves the batch running. With --json, every change is one line with the whole batch; the last line is the final state.';
  static override examples = [
    '<%= config.bin %> watch bat_3kTz…',
    { description: 'Wait at most half an hour', command: '<%= config.bin %> watch bat_3kTz… --wait-timeout 30m' },
  ];
  static override args = batchArg;
  static override flags = {
    'wait-timeout': durationFlag({ summary: 'Stop waiting after this time with exit code 69.' }),
  };

  override async perform(): Promise<ExitCode> {
    const { args, flags } = await this.parse(Watch);
    const client = await this.connect(flags);
    const { output } = this;
    let last = '';
    const report = (batch: Batch): void => {
      const text = JSON.stringify(batch);
      if (text === last) return;
      last = text;
      void output.jsonLine(batch);
    };
    const batch = await followBatch(client, args.id, {
      output,
      clock: this.context.clock,
      signal: this.interrupt,
      timeoutMs: flags['wait-timeout'],
      ...(this.json ? { onLook: report } : {}),
    });
    if (!this.json) await output.lines(batchSummary(batch, output.paint));
    return exitCodeOf(batch);
  }
}
