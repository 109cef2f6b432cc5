import { CliError } from '../cli-error.ts';
import type { Environment } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { readProjectFile, readUserFile, type SettingsPlace, userFilePath } from './setting-files.ts';

const DEFAULT_BASE_URL = 'http://127.0.0.1:4600';

/** The settings that a client of the API needs. */
export interface ClientSettings {
  readonly baseUrl: string;
  /** Null when no key is set anywhere. */
  readonly apiKey: string | null;
  /** Where the key came from, for messages. */
  readonly apiKeySource: string | null;
  readonly model: string | null;
}

function fromEnvironment(environment: Environment, name: string): string | null {
  const value = environment[name]?.trim();
  return value === undefined || value === '' ? null : value;
}

function wrongAddress(detail: string): CliError {
  return new CliError('invalid_settings', detail, {
    exitCode: EXIT.usage,
    advice: ['The address looks like https://rushes.example.com. Set it with --base-url or RUSHES_BASE_URL.'],
  });
}

/** `https://host/path` in one spelling, so that two settings can be compared. */
function normalizeBaseUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    url = new URL('invalid:');
  }
  // Not repeated in the message: it may hold a password.
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw wrongAddress("The server's address has a user name, a password, a query or a fragment. Leave these out.");
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw wrongAddress(`The server's address is not an http or https URL: ${JSON.stringify(text)}.`);
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

/**
 * The settings: from flags, then the environment, then the project's file, then the user's file. A key from a file is
 * only sent to the server that the same file names. Otherwise a project file in somebody else's code could send a
 * stored key to another server.
 */
export async function resolveClientSettings(
  baseUrlFlag: string | undefined,
  context: SettingsPlace,
): Promise<ClientSettings> {
  const { environment } = context;
  const [project, user] = [await readProjectFile(context.files), await readUserFile(context)];
  const named =
    baseUrlFlag ??
    fromEnvironment(environment, 'RUSHES_BASE_URL') ??
    project?.baseUrl ??
    user?.baseUrl ??
    DEFAULT_BASE_URL;
  const baseUrl = normalizeBaseUrl(named);
  const model = project?.model ?? user?.model ?? null;
  const key = fromEnvironment(environment, 'RUSHES_API_KEY');
  if (key !== null) return { baseUrl, apiKey: key, apiKeySource: 'RUSHES_API_KEY', model };
  for (const file of [project, user]) {
    if (file === null || file.apiKey === null) continue;
    if (normalizeBaseUrl(file.baseUrl ?? DEFAULT_BASE_URL) === baseUrl) {
      return { baseUrl, apiKey: file.apiKey, apiKeySource: file.path, model };
    }
  }
  return { baseUrl, apiKey: null, apiKeySource: null, model };
}

/** The error of a command that needs a key and has none. */
export function noApiKey(settings: ClientSettings, context: SettingsPlace): CliError {
  return new CliError('no_api_key', `There is no API key for ${settings.baseUrl}.`, {
    exitCode: EXIT.auth,
    advice: [
      'Set RUSHES_API_KEY (in CI as a secret), or run "rushes login" once, which stores the key in',
      `${userFilePath(context)} for this server. A key cannot be given on the command line.`,
    ],
  });
}
