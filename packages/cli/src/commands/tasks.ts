import { Args, Flags } from '@oclif/core';
import { RushesCommand, serverFlags } from '../base-command.ts';
import type { ExitCode } from '../exit-codes.ts';
import { printable, shorten, table } from '../output/terminal.ts';
import { count } from '../output/wording.ts';
import { listFlags, listSize } from '../flags/paging.ts';

const PROMPT_CHARACTERS = 48;

/** Lists the videos of a batch. */
export default class Tasks extends RushesCommand {
  static override summary = 'List the videos of a batch, in the order of the file.';
  static override description = 'With --json, one task a line, with its prompt, failure, credits and video.';
  static override examples = [
    '<%= config.bin %> tasks bat_3kTz… --status failed',
    {
      description: 'The prompts that were refused by moderation',
      command: '<%= config.bin %> tasks bat_3kTz… --failure-type moderation_input --all --json | jq -r .prompt',
    },
  ];
  static override args = { id: Args.string({ description: 'Batch, as in "rushes list".', required: true }) };
  static override flags = {
    ...serverFlags,
    ...listFlags,
    status: Flags.string({
      summary: 'Only tasks with this status.',
      options: ['queued', 'processing', 'succeeded', 'failed', 'canceled'],
    }),
    'failure-type': Flags.string({ summary: 'Only tasks that failed for this reason.' }),
    'custom-id': Flags.string({ summary: 'Only the task with this custom_id.' }),
  };

  override async perform(): Promise<ExitCode> {
    const { args, flags } = await this.parse(Tasks);
    const client = await this.connect(flags);
    const { limit, pageSize } = listSize(flags);
    const tasks = client.batches.tasks(
      args.id,
      {
        limit: pageSize,
        ...(flags.status === undefined ? {} : { status: flags.status }),
        ...(flags['failure-type'] === undefined ? {} : { failure_type: flags['failure-type'] }),
        ...(flags['custom-id'] === undefined ? {} : { custom_id: flags['custom-id'] }),
      },
      { signal: this.interrupt },
    );
    return this.printList(tasks, limit, 'tasks', (rows) =>
      table(
        [
          ['INDEX', 'CUSTOM_ID', 'STATUS', 'TRIES', 'CHARGED', 'FAILURE', 'PROMPT'],
          ...rows.map((task) => [
            String(task.index),
            printable(task.custom_id ?? ''),
            printable(task.status),
            String(task.attempts),
            count(task.credits.charged),
            printable(task.failure?.type ?? ''),
            shorten(printable(task.prompt), PROMPT_CHARACTERS),
          ]),
        ],
        new Set([0, 3, 4]),
      ),
    );
  }
}
