import { Flags } from '@oclif/core';
import type { Rushes } from '@rushes/sdk';
import type { Listing } from './base-command.ts';
import type { ExitCode } from './exit-codes.ts';
import { ServerCommand, type ServerFlags } from './server-command.ts';

/** The server gives at most this many rows at a time. */
const PAGE_MAX = 200;

interface ListFlags extends ServerFlags {
  readonly limit: number;
  readonly all: boolean;
}

interface Question<Row> extends Listing<Row> {
  /** Asks for the rows; `limit` is the size of a page. */
  readonly ask: (client: Rushes, page: { readonly limit: number }) => AsyncIterable<Row>;
}

/** A command that lists what the server gives page by page. */
export abstract class ListCommand extends ServerCommand {
  static override baseFlags = {
    ...ServerCommand.baseFlags,
    limit: Flags.integer({
      char: 'n',
      summary: 'Show at most this many rows.',
      min: 1,
      default: 50,
      exclusive: ['all'],
    }),
    all: Flags.boolean({ summary: 'Show all rows.' }),
  };

  /** Fetches as many rows as the flags ask for, and shows them. */
  protected async list<Row>(flags: ListFlags, listing: Question<Row>): Promise<ExitCode> {
    const limit = flags.all ? Infinity : flags.limit;
    const client = await this.connect(flags);
    // One row more than shown says whether there are more.
    const rows = listing.ask(client, { limit: Math.min(PAGE_MAX, limit + 1) });
    return this.showRows(rows, limit, listing);
  }
}
