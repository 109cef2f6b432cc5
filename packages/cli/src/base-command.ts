import { Command, Flags, type Config } from '@oclif/core';
import type { CliContext } from './context.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { Output } from './output/output.ts';
import { type Column, tableOf } from './output/terminal.ts';

/** Settings of how a list is shown. */
export interface Listing<Row> {
  /** Plural name of the listed objects, for messages. */
  readonly noun: string;
  readonly columns: readonly Column<Row>[];
}

/** Whether the words of a command ask for JSON. Words after `--` are not flags. */
export function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return (end === -1 ? argv : argv.slice(0, end)).includes('--json');
}

/**
 * The base of every command of `rushes`. Commands take the machine (files, clock, terminal) from the context, never
 * from the process.
 */
export abstract class RushesCommand extends Command {
  static override baseFlags = {
    json: Flags.boolean({ summary: 'Print JSON to standard output.', helpGroup: 'GLOBAL' }),
  };

  protected readonly context: CliContext;
  protected readonly output: Output;
  #interrupt: AbortSignal | null = null;

  constructor(argv: string[], config: Config, context: CliContext) {
    super(argv, config);
    this.context = context;
    this.output = new Output(context);
  }

  /** Does the work and returns the exit code. cli.ts turns a thrown error into a message and an exit code. */
  abstract perform(): Promise<ExitCode>;

  /** oclif's name for `perform`, which only runCli calls. */
  override async run(): Promise<ExitCode> {
    return this.perform();
  }

  /** Whether the result is wanted as JSON. */
  protected get json(): boolean {
    return wantsJson(this.argv);
  }

  /** Aborts at the first Ctrl-C. Ctrl-C ends the program at once as long as no command has read this signal. */
  protected get interrupt(): AbortSignal {
    this.#interrupt ??= this.context.listenForInterrupt();
    return this.#interrupt;
  }

  /** Prints a result: as one JSON document with --json, else as lines for people. */
  protected async show(document: unknown, lines: () => readonly string[]): Promise<void> {
    if (this.json) await this.output.document(document);
    else await this.output.lines(lines());
  }

  /**
   * Shows at most `limit` rows: with --json as JSON lines as they arrive, else as a table. Stops when nobody reads the
   * output any more.
   */
  protected async showRows<Row>(
    source: AsyncIterable<Row>,
    limit: number,
    { noun, columns }: Listing<Row>,
  ): Promise<ExitCode> {
    const rows: Row[] = [];
    let seen = 0;
    let hasMore = false;
    for await (const row of source) {
      if (this.output.isClosed) break;
      hasMore = seen >= limit;
      if (hasMore) break;
      seen += 1;
      if (this.json) await this.output.jsonLine(row);
      else rows.push(row);
    }
    if (rows.length > 0) await this.output.lines(tableOf(columns, rows));
    if (seen === 0) this.output.note(`There are no ${noun}.`);
    if (hasMore)
      this.output.note(`There are more ${noun}. Use --all to show all of them, or --limit to show another number.`);
    return EXIT.success;
  }
}
