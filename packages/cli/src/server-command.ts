import { Flags } from '@oclif/core';
import { type RequestOptions, Rushes } from '@rushes/sdk';
import { RushesCommand } from './base-command.ts';
import { type ClientSettings, noApiKey, resolveClientSettings } from './settings/client-settings.ts';

/** The parsed flags of every command that talks to a server. */
export interface ServerFlags {
  readonly 'base-url': string | undefined;
}

/** A command that talks to a server. */
export abstract class ServerCommand extends RushesCommand {
  static override baseFlags = {
    ...RushesCommand.baseFlags,
    'base-url': Flags.string({
      summary:
        'Address of the server. The default is RUSHES_BASE_URL, else .rushes.json, else the user file, else http://127.0.0.1:4600.',
      helpGroup: 'GLOBAL',
      helpValue: 'URL',
    }),
  };

  /** Options of every request: Ctrl-C aborts it. */
  protected get options(): RequestOptions {
    return { signal: this.interrupt };
  }

  /** The settings from flags, environment and files. Throws `CliError` for a wrong setting. */
  protected async settings(flags: ServerFlags): Promise<ClientSettings> {
    return resolveClientSettings(flags['base-url'], this.context);
  }

  /** A client of the server that the settings name. Throws `CliError` without a key. */
  protected client(settings: ClientSettings): Rushes {
    if (settings.apiKey === null) throw noApiKey(settings, this.context);
    return new Rushes(
      {
        apiKey: settings.apiKey,
        baseUrl: settings.baseUrl,
        fetch: this.context.fetch,
        logger: { debug: () => undefined, warn: (message) => this.output.note(message) },
      },
      this.context.clock,
    );
  }

  /** The client, for commands that need no other setting. */
  protected async connect(flags: ServerFlags): Promise<Rushes> {
    return this.client(await this.settings(flags));
  }
}
