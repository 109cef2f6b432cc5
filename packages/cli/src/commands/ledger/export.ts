import { Flags } from '@oclif/core';
import { RushesCommand, serverFlags } from '../../base-command.ts';
import { CliError } from '../../cli-error.ts';
import { EXIT, type ExitCode } from '../../exit-codes.ts';
import { writeWholeFile } from '../../output/whole-file.ts';
import { bytes } from '../../output/wording.ts';
import { timeFlag } from '../../time-flag.ts';

const FORMATS = ['csv', 'json', 'jsonl'] as const;

/** Exports the ledger. */
export default class LedgerExport extends RushesCommand {
  static override summary = 'Export ledger entries, oldest first, to a file or standard output.';
  static override description =
    'With -o the file appears only when it is whole. Without it, an export that broke off ends with a code other than 0. --json without -o means --format json.';
  static override examples = [
    {
      description: 'The month of November',
      command: '<%= config.bin %> ledger export --from 2026-11-01 --to 2026-12-01 -o november.csv',
    },
    '<%= config.bin %> ledger export --format jsonl | jq -s length',
  ];
  static override flags = {
    ...serverFlags,
    format: Flags.option({ options: FORMATS })({ char: 'f', summary: 'csv when left out.' }),
    from: timeFlag({ summary: 'Entries from this time on.' }),
    to: timeFlag({ summary: 'Entries before this time.' }),
    output: Flags.string({ char: 'o', summary: 'Write this file instead of standard output.', helpValue: 'FILE' }),
  };

  override async perform(): Promise<ExitCode> {
    const { flags } = await this.parse(LedgerExport);
    const { from, to } = flags;
    const format = flags.format ?? (this.jsonEnabled() && flags.output === undefined ? 'json' : 'csv');
    if (from !== undefined && to !== undefined && from >= to) {
      throw new CliError('usage', '--from must be before --to.', { exitCode: EXIT.usage });
    }
    const client = await this.connect(flags);
    const entries = await client.ledger.export(
      { format, ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) },
      { signal: this.interrupt },
    );
    if (flags.output === undefined) {
      for await (const chunk of entries) {
        if (this.output.isClosed) break;
        await this.output.write(chunk);
      }
      return EXIT.success;
    }
    const length = await writeWholeFile(flags.output, entries);
    if (this.jsonEnabled()) await this.output.document({ file: flags.output, format, bytes: length });
    else await this.output.line(`${flags.output}  ${bytes(length)}`);
    return EXIT.success;
  }
}
