import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { signForTest } from '@rushes/sdk/webhooks';
import { CliError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';

/** The secret that local requests are signed with. */
export interface LocalSecret {
  readonly secret: string;
  /** Whether it was made just now, so that the receiver cannot know it yet. */
  readonly isNew: boolean;
  /** Where it is kept; null when nowhere. */
  readonly place: string | null;
}

const SECRET_BYTES = 32;

function make(): string {
  return `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
}

function fileFault(path: string, error: unknown): CliError {
  const why = error instanceof Error ? error.message : String(error);
  return new CliError('file_error', `${path} cannot be used for the secret: ${why}`, { exitCode: EXIT.usage });
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** Found out before anything is asked for or sent. */
async function checked(secret: string, place: string): Promise<LocalSecret> {
  try {
    await signForTest({}, secret);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CliError('usage', `${place}: ${why}`, { exitCode: EXIT.usage });
  }
  return { secret, isNew: false, place };
}

/** Writes a secret where only its owner can read it. Throws when the file is there. */
export async function writeNewSecretFile(path: string, secret: string): Promise<void> {
  try {
    await writeFile(path, `${secret}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    throw fileFault(path, error);
  }
}

/**
 * The secret of a file, which is made when it is not there; else RUSHES_WEBHOOK_SECRET (the first one, during a rotation),
 * so that a receiver with the same environment accepts it; else a new one, for this run alone.
 */
export async function localSecret(
  file: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<LocalSecret> {
  if (file === undefined) {
    const [secret = ''] = (environment['RUSHES_WEBHOOK_SECRET'] ?? '').trim().split(/\s+/);
    return secret === '' ? { secret: make(), isNew: true, place: null } : checked(secret, 'RUSHES_WEBHOOK_SECRET');
  }
  let text: string | null = null;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (!isMissing(error)) throw fileFault(file, error);
  }
  if (text !== null) return checked(text.trim().split(/\s+/)[0] ?? '', file);
  const secret = make();
  await writeNewSecretFile(file, secret);
  return { secret, isNew: true, place: file };
}
