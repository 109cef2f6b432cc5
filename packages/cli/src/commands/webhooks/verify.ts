import { readFile } from 'node:fs/promises';
import { Flags } from '@oclif/core';
import { unwrap } from '@rushes/sdk/webhooks';
import { RushesCommand } from '../../base-command.ts';
import { CliError } from '../../cli-error.ts';
import { EXIT, type ExitCode } from '../../exit-codes.ts';
import { readInput } from '../../input/read-input.ts';
import { printable } from '../../output/terminal.ts';

function usage(message: string, ...advice: string[]): CliError {
  return new CliError('usage', message, { exitCode: EXIT.usage, advice });
}

/** `name: value` lines, as curl -i and request logs have them; other lines, such as the request line, are passed over. */
function headerLines(text: string): [string, string][] {
  return text.split(/\r\n|\n|\r/).flatMap((line): [string, string][] => {
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):\s*(.*?)\s*$/.exec(line);
    return match === null ? [] : [[(match[1] ?? '').toLowerCase(), match[2] ?? '']];
  });
}

function headerObject(text: string): [string, string][] {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([name, each]): [string, string][] =>
    typeof each === 'string' ? [[name.toLowerCase(), each]] : [],
  );
}

/** Checks the signature of a webhook that was received. */
export default class WebhooksVerify extends RushesCommand {
  static override summary = 'Check that a webhook request came from the server, and show its event.';
  static override description = `Give the body exactly as it arrived: the signature is over its bytes. The secret is read from RUSHES_WEBHOOK_SECRET (during a rotation both, with a blank between them) or from a file, never from the command line. No API key and no server are needed. Exit code 1 when it is not genuine.`;
  static override examples = [
    {
      description: 'A body and its headers that a receiver wrote down',
      command: '<%= config.bin %> webhooks verify --body body.json --headers headers.txt',
    },
    {
      description: 'An old one: any age, headers one by one',
      command:
        "<%= config.bin %> webhooks verify --any-age -H 'webhook-id: evt_…' -H 'webhook-timestamp: 1795000000' -H 'webhook-signature: v1,…' < body.json",
    },
  ];
  static override flags = {
    body: Flags.string({
      summary: 'File with the raw body, or - for standard input.',
      default: '-',
      helpValue: 'FILE',
    }),
    headers: Flags.string({
      summary: 'File with the headers, as "name: value" lines or a JSON object.',
      helpValue: 'FILE',
    }),
    header: Flags.string({
      char: 'H',
      summary: 'One header.',
      helpValue: "'NAME: VALUE'",
      multiple: true,
      multipleNonGreedy: true,
    }),
    'secret-file': Flags.string({ summary: 'File with the secret, or - for standard input.', helpValue: 'FILE' }),
    tolerance: Flags.integer({
      summary: 'Seconds that the signature may be old.',
      default: 300,
      min: 0,
      exclusive: ['any-age'],
    }),
    'any-age': Flags.boolean({ summary: 'Accept a signature of any age, to look into an old delivery.' }),
  };

  override async perform(): Promise<ExitCode> {
    const { flags } = await this.parse(WebhooksVerify);
    if (flags.body === '-' && flags['secret-file'] === '-')
      throw usage('Standard input cannot be the body and the secret.');
    const secrets = await this.#secrets(flags['secret-file']);
    const headers = await this.#headers(flags.headers, flags.header ?? []);
    const { bytes: body } = await readInput(flags.body, this.interrupt);
    const toleranceSeconds = flags['any-age'] ? Number.MAX_SAFE_INTEGER : flags.tolerance;
    const event = await unwrap(body, headers, secrets, { toleranceSeconds });
    if (this.jsonEnabled()) await this.output.document({ valid: true, event });
    else await this.output.line(`genuine  ${printable(event.type)}  ${printable(event.id)}`);
    return EXIT.success;
  }

  async #secrets(file: string | undefined): Promise<string[]> {
    const text =
      file === undefined
        ? (process.env['RUSHES_WEBHOOK_SECRET'] ?? '')
        : new TextDecoder().decode((await readInput(file, this.interrupt)).bytes);
    const secrets = text.split(/\s+/).filter((secret) => secret !== '');
    if (secrets.length > 0) return secrets;
    throw usage(
      'There is no webhook secret.',
      'Set RUSHES_WEBHOOK_SECRET to the whsec_… that was shown when the endpoint was made, or name a file with --secret-file.',
    );
  }

  async #headers(file: string | undefined, lines: readonly string[]): Promise<Record<string, string>> {
    const found = lines.flatMap((line) => {
      const [header] = headerLines(line);
      if (header === undefined) throw usage(`--header takes 'NAME: VALUE', not ${JSON.stringify(line)}.`);
      return [header];
    });
    if (file !== undefined) {
      const text = await readFile(file, 'utf8').catch((error: unknown) => {
        throw usage(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
      });
      try {
        found.push(...(text.trimStart().startsWith('{') ? headerObject(text) : headerLines(text)));
      } catch {
        throw usage(`${file} starts like JSON and is none.`);
      }
    }
    if (found.length === 0) throw usage('Give the headers with --headers FILE, or with --header for each.');
    return Object.fromEntries(found);
  }
}
