import { basename } from 'node:path';
import { Args, Flags } from '@oclif/core';
import { verifyLedgerExport, type VerifyOptions } from '@rushes/sdk/ledger';
import { FileCheckpointStore } from '@rushes/sdk/node';
import { ServerCommand } from '../../server-command.ts';
import { EXIT, type ExitCode } from '../../exit-codes.ts';
import { fileError, openInput } from '../../input/read-input.ts';
import { askServer } from '../../ledger/ask-server.ts';
import { ledgerFolder } from '../../ledger/pinned-keys.ts';
import { reportLines } from '../../ledger/report-lines.ts';
import { trustedKeys } from '../../ledger/trusted-keys.ts';

/** Checks an export without the server. */
export default class LedgerVerify extends ServerCommand {
  static override summary = 'Check a ledger export; show what is wrong and where.';
  static override description =
    'Works without the server. Checks every hash, the signature of the checkpoint, the numbering, the running balances, reserve = charges + refunds + forfeits, one resolution per task, and agreement with every checkpoint that earlier runs kept. When nothing is wrong, the checkpoint of the export is kept for later runs. Signatures are checked with the keys that the first "ledger export" pinned (see "ledger keys"), or with the keys that you give. Exit code 1 when something is wrong.';
  static override examples = [
    { description: 'Check a file that was exported before', command: '<%= config.bin %> ledger verify november.csv' },
    {
      description: 'Use keys that the operator gave you, on a machine without a network',
      command: '<%= config.bin %> ledger verify november.csv --keys rushes-keys.json',
    },
    '<%= config.bin %> ledger export --format jsonl | <%= config.bin %> ledger verify -',
  ];
  static override args = {
    file: Args.string({
      description: 'An export as CSV, JSON or JSON lines, or - for standard input.',
      required: true,
    }),
  };
  static override flags = {
    keys: Flags.string({
      summary: "File with the server's keys: its JSON document, or one key per line. The default is the pinned keys.",
      helpValue: 'FILE',
    }),
    key: Flags.string({
      summary: 'A key, as the operator gave it to you.',
      helpValue: 'NAME+HASH+KEY',
      multiple: true,
      multipleNonGreedy: true,
    }),
    account: Flags.string({ summary: 'Fail when the export is not the ledger of this account.', helpValue: 'ACCT' }),
    'accept-epoch': Flags.integer({
      summary:
        'Accept that the server was restored from a backup and began this epoch. First ask the operator what was lost.',
      min: 2,
    }),
    keep: Flags.boolean({
      summary: 'Keep the checkpoint, and compare the export with the kept ones.',
      default: true,
      allowNo: true,
    }),
    online: Flags.boolean({
      summary:
        "Also ask the server whether its keys are the pinned ones, and whether today's ledger begins with this export.",
    }),
  };

  override async perform(): Promise<ExitCode> {
    const { args, flags } = await this.parse(LedgerVerify);
    const keys = await this.#keys(flags);
    const options: VerifyOptions = {
      keys,
      ...(flags.account === undefined ? {} : { accountId: flags.account }),
      ...(flags['accept-epoch'] === undefined ? {} : { acceptEpoch: flags['accept-epoch'] }),
      ...(flags.keep ? { store: new FileCheckpointStore(ledgerFolder(this.context)) } : {}),
    };
    const report = await verifyLedgerExport(this.#chunks(args.file), options);
    const online =
      flags.online && report.ok ? await askServer(await this.connect(flags), report, keys, this.interrupt) : [];
    const isRight = report.ok && online.length === 0;
    const name = args.file === '-' ? '<stdin>' : basename(args.file);
    const { ok: _, ...rest } = report;
    await this.show({ valid: isRight, ...rest, ...(flags.online ? { online } : {}) }, () => [
      ...reportLines(report, name, flags.keep, this.output.paint),
      ...online.map((line) => `${this.output.paint('red', 'Not right.')} ${line}`),
      ...(flags.online && isRight ? ['The server confirms it.'] : []),
    ]);
    return isRight ? EXIT.success : EXIT.failed;
  }

  async *#chunks(path: string): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for await (const chunk of openInput(path, this.context) as AsyncIterable<Uint8Array>) {
        this.interrupt.throwIfAborted();
        yield chunk;
      }
    } catch (error) {
      this.interrupt.throwIfAborted();
      throw fileError(path, error);
    }
  }

  async #keys(flags: {
    readonly keys: string | undefined;
    readonly key: string[] | undefined;
    readonly 'base-url': string | undefined;
  }): Promise<string[]> {
    return trustedKeys(flags, {
      context: this.context,
      output: this.output,
      signal: this.interrupt,
      server: async () => {
        const settings = await this.settings(flags);
        return { baseUrl: settings.baseUrl, client: settings.apiKey === null ? null : this.client(settings) };
      },
    });
  }
}
