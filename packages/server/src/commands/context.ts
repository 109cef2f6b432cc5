import { accountIds, type AccountUuid } from '@rushes/contract';
import { createKeyHasher, type KeyHasher } from '../accounts/index.ts';
import { loadConfig, type Config } from '../config/index.ts';
import { accessDatabase, type DatabaseAccess } from '../postgres/index.ts';
import type { Environment } from '../config/index.ts';
import type { Logger } from '../ports.ts';
import { deriveSecrets } from '../config/index.ts';
import { createLogger } from '../system/index.ts';
import { UsageError, type Flags, type ParsedCommand } from './command.ts';

export interface OperatorContext {
  readonly config: Config;
  readonly logger: Logger;
  readonly access: DatabaseAccess;
  readonly keyHasher: KeyHasher;
}

export const DATA_DIR_FLAG = {
  'data-dir': { type: 'string', value: 'DIR', help: 'data directory (RUSHES_DATA_DIR, .rushes)' },
} as const satisfies Flags;

export const JSON_FLAG = { json: { type: 'boolean', help: 'print one JSON document' } } as const satisfies Flags;

const CONNECTIONS = 2;

/**
 * Opens the database for an operator command: uses the database of a running server, or starts it and stops it
 * afterwards.
 */
export async function withContext<T>(
  env: Environment,
  parsed: ParsedCommand,
  work: (context: OperatorContext) => Promise<T>,
): Promise<T> {
  const config = loadConfig(env, { dataDir: parsed.text('data-dir') });
  // The output of the command says what happened, so the log would only repeat it.
  const logger = createLogger(env['RUSHES_LOG_LEVEL'] === undefined ? 'warn' : config.logLevel);
  const access = await accessDatabase(config, logger, CONNECTIONS);
  try {
    const keyHasher = createKeyHasher(deriveSecrets(config.secretKey).apiKeyHashing);
    return await work({ config, logger, access, keyHasher });
  } finally {
    await access.close();
  }
}

/** The uuid in an id `acct_…`. Throws UsageError. */
export function accountUuid(id: string): AccountUuid {
  const uuid = accountIds.parse(id);
  if (uuid === null)
    throw new UsageError(
      `"${id}" is not an account id; an account id begins with acct_. "rushes-server account list" shows all accounts.`,
    );
  return uuid;
}
