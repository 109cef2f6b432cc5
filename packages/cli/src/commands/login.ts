import { PermissionDeniedError } from '@rushes/sdk';
import { ServerCommand } from '../server-command.ts';
import { CliError } from '../cli-error.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { readSecret } from '../settings/read-secret.ts';
import { saveUserKey } from '../settings/save-user-key.ts';

/** Stores an API key for later commands. */
export default class Login extends ServerCommand {
  static override summary = 'Store an API key for this server in your user settings.';
  static override description =
    'The key is read from the terminal without showing it, or from standard input; it is tested before it is stored. Only you can read the file, and the key is only ever sent to this server.';
  static override examples = [
    '<%= config.bin %> login --base-url https://rushes.example.com',
    {
      description: 'From a password manager',
      command: 'pass show rushes | <%= config.bin %> login --base-url https://rushes.example.com',
    },
  ];

  override async perform(): Promise<ExitCode> {
    const { flags } = await this.parse(Login);
    const { baseUrl } = await this.settings(flags);
    const apiKey = await readSecret(`API key for ${baseUrl}: `, this.context);
    if (apiKey === '')
      throw new CliError('no_api_key', 'No API key was given. Nothing was stored.', { exitCode: EXIT.auth });
    const client = this.client({ baseUrl, apiKey, apiKeySource: 'login', model: null });
    try {
      await client.credits.retrieve(this.options);
    } catch (error) {
      // A key that is not allowed to read credits is still valid.
      if (!(error instanceof PermissionDeniedError)) throw error;
    }
    const path = await saveUserKey(this.context, { baseUrl, apiKey });
    await this.show({ base_url: baseUrl, file: path }, () => [`Stored the key for ${baseUrl} in ${path}.`]);
    if (this.context.environment['RUSHES_API_KEY'] !== undefined)
      this.output.note('RUSHES_API_KEY is set and is used instead of the stored key.');
    return EXIT.success;
  }
}
