import { TASK_STATUSES } from '@rushes/contract/facts/states';
import { Flags } from '@oclif/core';
import type { Task, TaskListParams } from '@rushes/sdk';
import { batchArg } from '../batch/batch-arg.ts';
import type { ExitCode } from '../exit-codes.ts';
import { given } from '../given.ts';
import { ListCommand } from '../list-command.ts';
import { type Column, printable, shorten } from '../output/terminal.ts';
import { count } from '../output/wording.ts';

const PROMPT_CHARACTERS = 48;

const COLUMNS: readonly Column<Task>[] = [
  { name: 'INDEX', cell: (task) => String(task.index), align: 'right' },
  { name: 'CUSTOM_ID', cell: (task) => printable(task.custom_id ?? '') },
  { name: 'STATUS', cell: (task) => printable(task.status) },
  { name: 'TRIES', cell: (task) => String(task.attempts), align: 'right' },
  { name: 'CHARGED', cell: (task) => count(task.credits.charged), align: 'right' },
  { name: 'FAILURE', cell: (task) => printable(task.failure?.type ?? '') },
  { name: 'PROMPT', cell: (task) => shorten(printable(task.prompt), PROMPT_CHARACTERS) },
];

/** Lists the videos of a batch. */
export default class Tasks extends ListCommand {
  static override summary = 'List the videos of a batch, in the order of the file.';
  static override description = 'With --json, one task per line, with its prompt, failure, credits and video.';
  static override examples = [
    '<%= config.bin %> tasks bat_3kTz… --status failed',
    {
      description: 'The prompts that moderation refused',
      command: '<%= config.bin %> tasks bat_3kTz… --failure-type moderation_input --all --json | jq -r .prompt',
    },
  ];
  static override args = batchArg;
  static override flags = {
    status: Flags.string({
      summary: 'Only tasks with this status.',
      options: TASK_STATUSES,
    }),
    'failure-type': Flags.string({ summary: 'Only tasks that failed for this reason.' }),
    'custom-id': Flags.string({ summary: 'Only the task with this custom_id.' }),
  };

  override async perform(): Promise<ExitCode> {
    const { args, flags } = await this.parse(Tasks);
    const query = given<TaskListParams>({
      status: flags.status,
      failure_type: flags['failure-type'],
      custom_id: flags['custom-id'],
    });
    return this.list(flags, {
      noun: 'tasks',
      columns: COLUMNS,
      ask: (client, page) => client.batches.tasks(args.id, { ...query, ...page }, this.options),
    });
  }
}
