import { Flags } from '@oclif/core';
import type { LedgerExportParams, Rushes } from '@rushes/sdk';
import { ServerCommand } from '../../server-command.ts';
import { usageError } from '../../cli-error.ts';
import { EXIT, type ExitCode } from '../../exit-codes.ts';
import { given } from '../../given.ts';
import { pinAtFirstUse } from '../../ledger/server-keys.ts';
import { bytes } from '../../output/wording.ts';
import { timeFlag } from '../../flags/time.ts';

const FORMATS = ['csv', 'json', 'jsonl'] as const;

/** Exports the ledger. */
export default class LedgerExport extends ServerCommand {
  static override summary = 'Export ledger entries, oldest first, to a file or standard output.';
  static override description =
    'With -o, the file appears only when it is complete. Without -o, an export that was cut off ends with an exit code other than 0. --json without -o means --format json.';
  static override examples = [
    {
      description: 'The entries of November',
      command: '<%= config.bin %> ledger export --from 2026-11-01 --to 2026-12-01 -o november.csv',
    },
    '<%= config.bin %> ledger export --format jsonl | jq -s length',
  ];
  static override flags = {
    format: Flags.option({ options: FORMATS })({ char: 'f', summary: 'Format of the export; the default is csv.' }),
    from: timeFlag({ summary: 'Only entries from this time on.' }),
    to: timeFlag({ summary: 'Only entries before this time.' }),
    output: Flags.string({ char: 'o', summary: 'Write this file instead of standard output.', helpValue: 'FILE' }),
  };

  override async perform(): Promise<ExitCode> {
    const { flags } = await this.parse(LedgerExport);
    const { from, to } = flags;
    const format = flags.format ?? (this.json && flags.output === undefined ? 'json' : 'csv');
    if (from !== undefined && to !== undefined && from >= to) {
      throw usageError('--from must be before --to.');
    }
    const client = await this.connect(flags);
    const entries = await client.ledger.export(given<LedgerExportParams>({ format, from, to }), this.options);
    await this.#write(entries, format, flags.output);
    await this.#pinKeys(client);
    return EXIT.success;
  }

  async #write(entries: ReadableStream<Uint8Array>, format: string, file: string | undefined): Promise<void> {
    if (file === undefined) {
      for await (const chunk of entries) {
        if (this.output.isClosed) break;
        await this.output.write(chunk);
      }
      return;
    }
    const length = await this.context.files.writeWhole(file, entries);
    await this.show({ file, format, bytes: length }, () => [`${file}  ${bytes(length)}`]);
  }

  /** Pins the server's keys now, because a later verification needs them and may have no connection to the server. */
  async #pinKeys(client: Rushes): Promise<void> {
    try {
      await pinAtFirstUse(client, this.output, this.context, this.interrupt);
    } catch (error) {
      this.interrupt.throwIfAborted();
      const why = error instanceof Error ? error.message : String(error);
      this.output.note(`The export is complete, but the keys to verify it with could not be pinned: ${why}`);
    }
  }
}
