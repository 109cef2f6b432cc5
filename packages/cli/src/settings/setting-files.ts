import { dirname, join } from 'node:path';
import { CliError } from '../cli-error.ts';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import type { Files } from '../files/files.ts';

const PROJECT_FILE = '.rushes.json';

/** The settings that a file can have. */
export interface FileSettings {
  readonly path: string;
  readonly baseUrl: string | null;
  readonly apiKey: string | null;
  readonly model: string | null;
}

/** The places where settings files are looked for. */
export type SettingsPlace = Pick<CliContext, 'environment' | 'files'>;

const MEMBERS = { base_url: 'baseUrl', api_key: 'apiKey', model: 'model' } as const;

/** `$XDG_CONFIG_HOME/rushes/config.json`, by default in ~/.config. */
export function userFilePath({ environment, files }: SettingsPlace): string {
  const base = environment['XDG_CONFIG_HOME'];
  return join(base === undefined || base === '' ? join(files.home, '.config') : base, 'rushes', 'config.json');
}

function badFile(path: string, detail: string, advice: string): CliError {
  return new CliError('invalid_settings', `${path}: ${detail}.`, { exitCode: EXIT.usage, advice: [advice] });
}

function parseSettings(path: string, text: string): FileSettings {
  const advice = `The file must be a JSON object; it can have ${Object.keys(MEMBERS).join(', ')}.`;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw badFile(path, 'not JSON', advice);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badFile(path, 'not a JSON object', advice);
  const settings = {
    path,
    baseUrl: null as string | null,
    apiKey: null as string | null,
    model: null as string | null,
  };
  for (const [name, member] of Object.entries(value)) {
    if (!Object.hasOwn(MEMBERS, name)) throw badFile(path, `the setting ${JSON.stringify(name)} is not known`, advice);
    if (typeof member !== 'string' || member === '')
      throw badFile(path, `${name} must be a string that is not empty`, advice);
    settings[MEMBERS[name as keyof typeof MEMBERS]] = member;
  }
  return settings;
}

/** The settings of one file, or null when there is no file. A file with a key must be readable by its owner only. */
async function readSettings(files: Files, path: string): Promise<FileSettings | null> {
  let text: string;
  try {
    text = await files.text(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return null;
    throw new CliError('invalid_settings', `${path} cannot be read: ${String(error)}.`, {
      exitCode: EXIT.usage,
      cause: error,
    });
  }
  const settings = parseSettings(path, text);
  if (settings.apiKey !== null && (await files.isOpenToOthers(path))) {
    throw new CliError('invalid_settings', `${path} holds an API key, and others can read it.`, {
      exitCode: EXIT.auth,
      advice: [
        `Run: chmod 600 ${path}`,
        'If others have access to this machine, ask for a new key and have this one disabled.',
      ],
    });
  }
  return settings;
}

/** The nearest `.rushes.json`, in the folder or in one above it. */
export async function readProjectFile(files: Files): Promise<FileSettings | null> {
  for (let at = files.folder; ; at = dirname(at)) {
    const settings = await readSettings(files, join(at, PROJECT_FILE));
    if (settings !== null || dirname(at) === at) return settings;
  }
}

/** The user's own settings, or null when there are none. */
export async function readUserFile(place: SettingsPlace): Promise<FileSettings | null> {
  return readSettings(place.files, userFilePath(place));
}
