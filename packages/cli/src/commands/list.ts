import { Flags } from '@oclif/core';
import { RushesCommand, serverFlags } from '../base-command.ts';
import { settled, stateWord } from '../batch/batch-state.ts';
import type { ExitCode } from '../exit-codes.ts';
import { printable, table } from '../output/terminal.ts';
import { count, moment } from '../output/wording.ts';
import { timeFlag } from '../flags/time.ts';
import { listFlags, listSize } from '../flags/paging.ts';

/** Lists the account's batches. */
export default class List extends RushesCommand {
  static override summary = 'List batches, newest first.';
  static override description = 'With --json, one batch a line.';
  static override examples = [
    '<%= config.bin %> list',
    {
      description: 'Ids of the batches that failed in part',
      command: '<%= config.bin %> list --status partial --json | jq -r .id',
    },
  ];
  static override flags = {
    ...serverFlags,
    ...listFlags,
    status: Flags.string({
      summary: 'Only batches with this status.',
      options: ['queued', 'processing', 'completed', 'partial', 'failed', 'canceled'],
    }),
    model: Flags.string({ char: 'm', summary: 'Only batches of this model.' }),
    'request-id': Flags.string({ summary: 'Only the batch that was made with this request_id.' }),
    since: timeFlag({ summary: 'Only batches made after this time.' }),
    until: timeFlag({ summary: 'Only batches made before this time.' }),
  };

  override async perform(): Promise<ExitCode> {
    const { flags } = await this.parse(List);
    const client = await this.connect(flags);
    const { limit, pageSize } = listSize(flags);
    const batches = client.batches.list(
      {
        limit: pageSize,
        ...(flags.status === undefined ? {} : { status: flags.status }),
        ...(flags.model === undefined ? {} : { model: flags.model }),
        ...(flags['request-id'] === undefined ? {} : { request_id: flags['request-id'] }),
        ...(flags.since === undefined ? {} : { created_after: flags.since }),
        ...(flags.until === undefined ? {} : { created_before: flags.until }),
      },
      { signal: this.interrupt },
    );
    return this.printList(batches, limit, 'batches', (rows) =>
      table(
        [
          ['BATCH', 'CREATED (UTC)', 'MODEL', 'STATE', 'SETTLED', 'SUCCEEDED', 'CHARGED'],
          ...rows.map((batch) => [
            batch.id,
            moment(batch.created_at),
            printable(batch.model),
            printable(stateWord(batch)),
            `${count(settled(batch))}/${count(batch.counts.total)}`,
            count(batch.counts.succeeded),
            count(batch.credits.charged),
          ]),
        ],
        new Set([4, 5, 6]),
      ),
    );
  }
}
