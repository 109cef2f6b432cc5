import { loadConfig } from '../config/index.ts';
import { migrateDatabase } from '../postgres/index.ts';
import type { Environment } from '../config/index.ts';
import { createLogger } from '../system/index.ts';
import type { CommandBodies } from './command.ts';
import { DATA_DIR_FLAG } from './context.ts';

export function databaseCommands(env: Environment): CommandBodies {
  return {
    migrate: {
      flags: { ...DATA_DIR_FLAG },
      run: async (parsed, output) => {
        const config = loadConfig(env, { dataDir: parsed.text('data-dir') });
        const { applied, protection } = await migrateDatabase(config, createLogger('warn'));
        output.result(applied.length === 0 ? 'nothing to migrate' : `applied ${applied.join(', ')}`);
        if (protection.level === 'reduced')
          output.note(`The protection of the ledger is reduced: ${protection.reason}.`);
        return 0;
      },
    },
  };
}
