import { Command, Flags } from '@oclif/core';
import { Rushes } from '@rushes/sdk';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { listenForInterrupt } from './interrupt.ts';
import { Output } from './output/output.ts';
import { type ClientSettings, noApiKey, resolveClientSettings } from './settings/client-settings.ts';

/** Flag that every command which talks to a server has. */
export const serverFlags = {
  'base-url': Flags.string({
    summary: 'Address of the server; otherwise RUSHES_BASE_URL, .rushes.json, the user file, http://127.0.0.1:4600.',
    helpGroup: 'GLOBAL',
    helpValue: 'URL',
  }),
} as const;

/** What every command of `rushes` is made of. */
export abstract class RushesCommand extends Command {
  static override enableJsonFlag = true;

  readonly output = new Output({ stdout: process.stdout, stderr: process.stderr }, process.env);
  #interrupt: AbortSignal | null = null;

  /** Does the work; what it returns is the exit code. */
  abstract perform(): Promise<ExitCode>;

  override async run(): Promise<void> {
    process.exitCode = await this.perform();
  }

  /** Failures are reported in one place, run.ts, whatever command they come from. */
  protected override async catch(error: Error): Promise<never> {
    throw error;
  }

  /** Aborts at the first Ctrl-C. Until it is asked for, Ctrl-C simply ends the program. */
  get interrupt(): AbortSignal {
    this.#interrupt ??= listenForInterrupt();
    return this.#interrupt;
  }

  async settings(flags: { readonly 'base-url': string | undefined }): Promise<ClientSettings> {
    return resolveClientSettings({ baseUrlFlag: flags['base-url'], environment: process.env, folder: process.cwd() });
  }

  /** A client of the server that the settings name. Throws `CliError` without a key. */
  client(settings: ClientSettings): Rushes {
    if (settings.apiKey === null) throw noApiKey(settings, process.env);
    return new Rushes({
      apiKey: settings.apiKey,
      baseUrl: settings.baseUrl,
      logger: { debug: () => undefined, warn: (message) => this.output.note(message) },
    });
  }

  /** `client` for commands that need nothing else of the settings. */
  async connect(flags: { readonly 'base-url': string | undefined }): Promise<Rushes> {
    return this.client(await this.settings(flags));
  }

  /** Prints a list: JSON lines as they come with --json, else a table. Stops when nobody reads any more. */
  async printList<T>(
    list: AsyncIterable<T>,
    limit: number,
    noun: string,
    makeTable: (rows: readonly T[]) => readonly string[],
  ): Promise<ExitCode> {
    const rows: T[] = [];
    let seen = 0;
    let hasMore = false;
    for await (const row of list) {
      if (this.output.isClosed) break;
      hasMore = seen >= limit;
      if (hasMore) break;
      seen += 1;
      if (this.jsonEnabled()) await this.output.jsonLine(row);
      else rows.push(row);
    }
    if (rows.length > 0) for (const line of makeTable(rows)) await this.output.line(line);
    if (seen === 0) this.output.note(`There are no ${noun}.`);
    if (hasMore) this.output.note(`There are more ${noun}: --all shows them, --limit more of them.`);
    return EXIT.success;
  }
}
