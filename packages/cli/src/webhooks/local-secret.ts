import { signForTest } from '@rushes/sdk/webhooks';
import { CliError, usageError } from '../cli-error.ts';
import type { CliContext, Environment } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import type { Files } from '../files/files.ts';

/** The secret that local requests are signed with. */
export interface LocalSecret {
  readonly secret: string;
  /** True when the secret was created just now, so that the receiver cannot have it yet. */
  readonly isNew: boolean;
  /** Where the secret is kept; null when it is not kept. */
  readonly place: string | null;
}

const SECRET_BYTES = 32;

/** The secrets in RUSHES_WEBHOOK_SECRET: during a rotation there are two, separated by a space. */
export function environmentSecrets(environment: Environment): string[] {
  return secretsIn(environment['RUSHES_WEBHOOK_SECRET'] ?? '');
}

/** The secrets in a text, one after the other. */
export function secretsIn(text: string): string[] {
  return text.split(/\s+/).filter((secret) => secret !== '');
}

function fileFault(path: string, error: unknown): CliError {
  const why = error instanceof Error ? error.message : String(error);
  return new CliError('file_error', `${path} cannot be used for the secret: ${why}`, { exitCode: EXIT.usage });
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** Checked before anything is sent. */
async function checked(secret: string, place: string): Promise<LocalSecret> {
  try {
    await signForTest({}, secret);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw usageError(`${place}: ${why}`);
  }
  return { secret, isNew: false, place };
}

/** Writes a secret to a new file that only its owner can read. Throws when the file exists. */
export async function writeNewSecretFile(files: Files, path: string, secret: string): Promise<void> {
  try {
    await files.writeNew(path, `${secret}\n`);
  } catch (error) {
    throw fileFault(path, error);
  }
}

/**
 * The secret to sign with. It comes from the file, which is created when it does not exist; else from
 * RUSHES_WEBHOOK_SECRET (the first secret, during a rotation), so that a receiver with the same environment accepts it;
 * else it is a new secret for this run only.
 */
export async function localSecret(
  file: string | undefined,
  { environment, files, randomBytes }: Pick<CliContext, 'environment' | 'files' | 'randomBytes'>,
): Promise<LocalSecret> {
  const make = (): string => `whsec_${Buffer.from(randomBytes(SECRET_BYTES)).toString('base64')}`;
  if (file === undefined) {
    const [secret] = environmentSecrets(environment);
    if (secret === undefined) return { secret: make(), isNew: true, place: null };
    return checked(secret, 'RUSHES_WEBHOOK_SECRET');
  }
  let text: string | null = null;
  try {
    text = await files.text(file);
  } catch (error) {
    if (!isMissing(error)) throw fileFault(file, error);
  }
  if (text !== null) return checked(secretsIn(text)[0] ?? '', file);
  const secret = make();
  await writeNewSecretFile(files, file, secret);
  return { secret, isNew: true, place: file };
}
