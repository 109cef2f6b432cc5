import { formatId } from '@rushes/contract';
import { loadConfig } from '../config.ts';
import { migrateDatabase } from '../database-access.ts';
import type { Environment } from '../environment-reader.ts';
import { checkLedger } from '../ledger/index.ts';
import { createLogger } from '../system-ports.ts';
import type { Command } from './command.ts';
import { accountUuid, DATA_DIR_FLAG, JSON_FLAG, withContext } from './context.ts';

export function databaseCommands(env: Environment): readonly Command[] {
  return [
    {
      name: 'migrate',
      summary: 'Brings the database to the schema of this version. Safe at any time, from several machines at once.',
      flags: { ...DATA_DIR_FLAG },
      run: async (parsed, output) => {
        const config = loadConfig(env, { dataDir: parsed.text('data-dir') });
        const { applied, protection } = await migrateDatabase(config, createLogger('warn'));
        output.result(applied.length === 0 ? 'nothing to migrate' : `applied ${applied.join(', ')}`);
        if (protection.level === 'reduced') output.note(`Reduced protection of the ledger: ${protection.reason}.`);
        return 0;
      },
    },
    {
      name: 'ledger check',
      summary: 'Checks every invariant of the ledger; prints each violation and exits with 1 if there is one.',
      flags: { account: { type: 'string', value: 'ID', help: 'only this account' }, ...JSON_FLAG, ...DATA_DIR_FLAG },
      run: (parsed, output) => {
        const id = parsed.text('account');
        const only = id === undefined ? null : accountUuid(id);
        return withContext(env, parsed, async ({ access: { db } }) => {
          const violations = (await checkLedger(db, only)).map((violation) => ({
            account_id: formatId('acct', violation.accountUuid),
            rule: violation.rule,
            detail: violation.detail,
          }));
          if (parsed.has('json')) output.result(JSON.stringify({ violations }));
          else for (const row of violations) output.result(`${row.account_id}  ${row.rule}  ${row.detail}`);
          output.note(
            violations.length === 0 ? 'The ledger adds up: no violations.' : `${violations.length} violations.`,
          );
          return violations.length === 0 ? 0 : 1;
        });
      },
    },
  ];
}
