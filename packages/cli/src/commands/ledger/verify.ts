import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { Args, Flags } from '@oclif/core';
import {
  type LedgerReport,
  parseLedgerKeys,
  verifyLedgerConsistency,
  verifyLedgerExport,
  type VerifyOptions,
} from '@rushes/sdk/ledger';
import { FileCheckpointStore } from '@rushes/sdk/node';
import { RushesCommand, serverFlags } from '../../base-command.ts';
import { CliError } from '../../cli-error.ts';
import { EXIT, type ExitCode } from '../../exit-codes.ts';
import { fileError, readInput } from '../../input/read-input.ts';
import { ledgerFolder, readPins } from '../../ledger/pinned-keys.ts';
import { reportLines } from '../../ledger/report-lines.ts';
import { fetchKeys, pinAtFirstUse, unknownKeys } from '../../ledger/server-keys.ts';

/** Checks an export without the server. */
export default class LedgerVerify extends RushesCommand {
  static override summary = 'Check a ledger export, and say exactly what is wrong and where.';
  static override description =
    'Works without the server: every hash, the signature of the checkpoint by a pinned key, numbering, running balances, reserve = charges + refunds + forfeits, one resolution per task, and agreement with every checkpoint that was kept by earlier runs. What is found right is kept for the next time. The keys are those pinned by the first "ledger export" (see "ledger keys"), or the ones given. Exit code 1 when something is wrong.';
  static override examples = [
    { description: 'A file that was exported before', command: '<%= config.bin %> ledger verify november.csv' },
    {
      description: 'With keys that the operator gave you, on a machine without a network',
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
    ...serverFlags,
    keys: Flags.string({
      summary: "File with the server's keys: its JSON document, or one key a line. Otherwise the pinned ones.",
      helpValue: 'FILE',
    }),
    key: Flags.string({
      summary: 'A key itself, as the operator gave it.',
      helpValue: 'NAME+HASH+KEY',
      multiple: true,
      multipleNonGreedy: true,
    }),
    account: Flags.string({ summary: 'Demand that it is the ledger of this account.', helpValue: 'ACCT' }),
    'accept-epoch': Flags.integer({
      summary: 'Accept that the server was restored and opened this epoch, after asking its operator what was lost.',
      min: 2,
    }),
    keep: Flags.boolean({
      summary: 'Keep the checkpoint, and hold the export against those kept.',
      default: true,
      allowNo: true,
    }),
    online: Flags.boolean({
      summary: "Also ask the server: its keys are the pinned ones, and today's ledger begins with this one.",
    }),
  };

  override async perform(): Promise<ExitCode> {
    const { args, flags } = await this.parse(LedgerVerify);
    const keys = await this.#keys(flags);
    const options: VerifyOptions = {
      keys,
      ...(flags.account === undefined ? {} : { accountId: flags.account }),
      ...(flags['accept-epoch'] === undefined ? {} : { acceptEpoch: flags['accept-epoch'] }),
      ...(flags.keep ? { store: new FileCheckpointStore(ledgerFolder(process.env)) } : {}),
    };
    const report = await verifyLedgerExport(this.#chunks(args.file), options);
    const online = flags.online && report.ok ? await this.#askServer(flags, report, keys) : [];
    const isRight = report.ok && online.length === 0;
    const name = args.file === '-' ? '<stdin>' : basename(args.file);
    if (this.jsonEnabled()) {
      const { ok: _, ...rest } = report;
      await this.output.document({ valid: isRight, ...rest, ...(flags.online ? { online } : {}) });
    } else {
      for (const line of reportLines(report, name, flags.keep, this.output.paint)) await this.output.line(line);
      for (const line of online) await this.output.line(`${this.output.paint('red', 'Not right.')} ${line}`);
      if (flags.online && isRight) await this.output.line('The server agrees.');
    }
    return isRight ? EXIT.success : EXIT.failed;
  }

  async *#chunks(path: string): AsyncGenerator<Uint8Array, void, undefined> {
    const stream = path === '-' ? process.stdin : createReadStream(path);
    try {
      for await (const chunk of stream as AsyncIterable<Uint8Array>) {
        this.interrupt.throwIfAborted();
        yield chunk;
      }
    } catch (error) {
      this.interrupt.throwIfAborted();
      throw fileError(path, error);
    }
  }

  async #keys(flags: {
    keys: string | undefined;
    key: string[] | undefined;
    'base-url': string | undefined;
  }): Promise<string[]> {
    const given = [...(flags.key ?? [])];
    if (flags.keys !== undefined) {
      const { bytes } = await readInput(flags.keys, this.interrupt);
      given.push(...parseLedgerKeys(new TextDecoder().decode(bytes)).map(({ text }) => text));
    }
    if (given.length > 0) return given;
    if ((await readPins(process.env)).length === 0) {
      const { apiKey, baseUrl } = await this.settings(flags);
      const isPinned =
        apiKey !== null && (await pinAtFirstUse(await this.connect(flags), this.output, process.env, this.interrupt));
      if (!isPinned) {
        throw new CliError('usage', 'No ledger key is pinned yet, and without one no signature can be checked.', {
          exitCode: EXIT.usage,
          advice: [
            `Name a file with --keys (the operator has it, or ${baseUrl}/.well-known/rushes-ledger-keys),`,
            'or set RUSHES_API_KEY and run "rushes ledger keys --trust" once while the server can be reached.',
          ],
        });
      }
    }
    return (await readPins(process.env)).flatMap((pin) => pin.keys.map(({ key }) => key));
  }

  /** What the server says otherwise. */
  async #askServer(
    flags: { 'base-url': string | undefined },
    report: LedgerReport,
    keys: readonly string[],
  ): Promise<string[]> {
    const client = await this.connect(flags);
    const options = { signal: this.interrupt };
    const published = await fetchKeys(client, this.interrupt);
    const trusted = { ...published, keys: keys.map((key) => ({ key, status: 'active', created_at: '' })) };
    const unknown = unknownKeys(published, trusted).map(
      (key) =>
        `${client.baseUrl} publishes the key ${key}, which is not pinned: ask its operator whether it was rotated.`,
    );
    const earlier = report.checkpoint ?? '';
    const later = await client.ledger.checkpoint(options);
    const [from, to] = [report.size ?? 0, Number(later.split('\n')[1])];
    if (!(to >= from))
      return [...unknown, `The server's checkpoint has ${to} entries, this export ${from}: it went back.`];
    const proof = from === to || from === 0 ? '' : await client.ledger.consistency({ from, to }, options);
    const check = await verifyLedgerConsistency(proof, earlier, later, { keys });
    return check.ok ? unknown : [...unknown, `The server's ledger of today: ${check.error}.`];
  }
}
