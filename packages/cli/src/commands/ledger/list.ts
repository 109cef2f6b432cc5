import { Flags } from '@oclif/core';
import { RushesCommand, serverFlags } from '../../base-command.ts';
import type { ExitCode } from '../../exit-codes.ts';
import { printable, table } from '../../output/terminal.ts';
import { count, moment } from '../../output/wording.ts';
import { listFlags, listSize } from '../../flags/paging.ts';

/** Lists ledger entries. */
export default class LedgerList extends RushesCommand {
  static override summary = 'List ledger entries, newest first.';
  static override description = 'With --json, one entry a line.';
  static override examples = [
    '<%= config.bin %> ledger list',
    '<%= config.bin %> ledger list --oldest-first --all --json',
  ];
  static override flags = {
    ...serverFlags,
    ...listFlags,
    'oldest-first': Flags.boolean({ summary: 'Turn the order.' }),
  };

  override async perform(): Promise<ExitCode> {
    const { flags } = await this.parse(LedgerList);
    const client = await this.connect(flags);
    const { limit, pageSize } = listSize(flags);
    const order = flags['oldest-first'] ? 'asc' : 'desc';
    const entries = client.ledger.list({ limit: pageSize, order }, { signal: this.interrupt });
    return this.printList(entries, limit, 'entries', (rows) =>
      table(
        [
          ['SEQ', 'TIME (UTC)', 'KIND', 'FROM', 'TO', 'AMOUNT', 'AVAILABLE', 'BATCH', 'VIDEO', 'REASON'],
          ...rows.map((entry) => [
            String(entry.seq),
            moment(entry.created_at),
            printable(entry.kind),
            printable(entry.from),
            printable(entry.to),
            count(entry.amount),
            count(entry.available_after),
            entry.batch_id ?? '',
            entry.task_index === null ? '' : String(entry.task_index),
            printable(entry.reason ?? ''),
          ]),
        ],
        new Set([0, 5, 6, 8]),
      ),
    );
  }
}
