import { Flags } from '@oclif/core';
import type { LedgerEntry } from '@rushes/sdk';
import type { ExitCode } from '../../exit-codes.ts';
import { ListCommand } from '../../list-command.ts';
import { type Column, printable } from '../../output/terminal.ts';
import { count, moment } from '../../output/wording.ts';

const COLUMNS: readonly Column<LedgerEntry>[] = [
  { name: 'SEQ', cell: (entry) => String(entry.seq), align: 'right' },
  { name: 'TIME (UTC)', cell: (entry) => moment(entry.created_at) },
  { name: 'KIND', cell: (entry) => printable(entry.kind) },
  { name: 'FROM', cell: (entry) => printable(entry.from) },
  { name: 'TO', cell: (entry) => printable(entry.to) },
  { name: 'AMOUNT', cell: (entry) => count(entry.amount), align: 'right' },
  { name: 'AVAILABLE', cell: (entry) => count(entry.available_after), align: 'right' },
  { name: 'BATCH', cell: (entry) => entry.batch_id ?? '' },
  { name: 'VIDEO', cell: (entry) => (entry.task_index === null ? '' : String(entry.task_index)), align: 'right' },
  { name: 'REASON', cell: (entry) => printable(entry.reason ?? '') },
];

/** Lists ledger entries. */
export default class LedgerList extends ListCommand {
  static override summary = 'List ledger entries, newest first.';
  static override description = 'With --json, one entry per line.';
  static override examples = [
    '<%= config.bin %> ledger list',
    '<%= config.bin %> ledger list --oldest-first --all --json',
  ];
  static override flags = { 'oldest-first': Flags.boolean({ summary: 'Show the oldest entry first.' }) };

  override async perform(): Promise<ExitCode> {
    const { flags } = await this.parse(LedgerList);
    const order = flags['oldest-first'] ? 'asc' : 'desc';
    return this.list(flags, {
      noun: 'entries',
      columns: COLUMNS,
      ask: (client, page) => client.ledger.list({ order, ...page }, this.options),
    });
  }
}
