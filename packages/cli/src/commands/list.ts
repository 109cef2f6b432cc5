import { BATCH_STATUSES } from '@rushes/contract/facts/states';
import { Flags } from '@oclif/core';
import type { Batch, BatchListParams } from '@rushes/sdk';
import { settled, stateWord } from '../batch/batch-state.ts';
import type { ExitCode } from '../exit-codes.ts';
import { createdFlags } from '../flags/time.ts';
import { given } from '../given.ts';
import { ListCommand } from '../list-command.ts';
import { type Column, printable } from '../output/terminal.ts';
import { count, moment } from '../output/wording.ts';

const COLUMNS: readonly Column<Batch>[] = [
  { name: 'BATCH', cell: (batch) => batch.id },
  { name: 'CREATED (UTC)', cell: (batch) => moment(batch.created_at) },
  { name: 'MODEL', cell: (batch) => printable(batch.model) },
  { name: 'STATE', cell: (batch) => printable(stateWord(batch)) },
  { name: 'SETTLED', cell: (batch) => `${count(settled(batch))}/${count(batch.counts.total)}`, align: 'right' },
  { name: 'SUCCEEDED', cell: (batch) => count(batch.counts.succeeded), align: 'right' },
  { name: 'CHARGED', cell: (batch) => count(batch.credits.charged), align: 'right' },
];

/** Lists the account's batches. */
export default class List extends ListCommand {
  static override summary = 'List batches, newest first.';
  static override description = 'With --json, one batch per line.';
  static override examples = [
    '<%= config.bin %> list',
    {
      description: 'IDs of the batches in which some videos failed',
      command: '<%= config.bin %> list --status partial --json | jq -r .id',
    },
  ];
  static override flags = {
    status: Flags.string({
      summary: 'Only batches with this status.',
      options: BATCH_STATUSES,
    }),
    model: Flags.string({ char: 'm', summary: 'Only batches of this model.' }),
    'request-id': Flags.string({ summary: 'Only the batch that was created with this request_id.' }),
    ...createdFlags,
  };

  override async perform(): Promise<ExitCode> {
    const { flags } = await this.parse(List);
    const query = given<BatchListParams>({
      status: flags.status,
      model: flags.model,
      request_id: flags['request-id'],
      created_after: flags.since,
      created_before: flags.until,
    });
    return this.list(flags, {
      noun: 'batches',
      columns: COLUMNS,
      ask: (client, page) => client.batches.list({ ...query, ...page }, this.options),
    });
  }
}
