import { SCOPES, keyIds, type Scope } from '@rushes/contract';
import { createApiKey, disableApiKey } from '../accounts/index.ts';
import type { Environment } from '../config/index.ts';
import { systemRandom } from '../system/index.ts';
import { CommandFailure, requireText, UsageError, type CommandBodies } from './command.ts';
import { accountUuid, DATA_DIR_FLAG, JSON_FLAG, withContext } from './context.ts';

function readScopes(text: string | undefined): readonly Scope[] {
  if (text === undefined) return SCOPES;
  return text.split(',').map((word) => {
    const scope = SCOPES.find((known) => known === word.trim());
    if (scope === undefined) throw new UsageError(`"${word}" is not a scope. --scopes can have ${SCOPES.join(', ')}.`);
    return scope;
  });
}

export function keyCommands(env: Environment): CommandBodies {
  return {
    'key create': {
      flags: {
        account: { type: 'string', value: 'ID', help: 'account id' },
        name: { type: 'string', help: 'what the key is for' },
        scopes: { type: 'string', value: 'A,B', help: `any of ${SCOPES.join(', ')}; the default is all` },
        ...JSON_FLAG,
        ...DATA_DIR_FLAG,
      },
      run: (parsed, output) => {
        const uuid = accountUuid(requireText(parsed, 'account'));
        const name = requireText(parsed, 'name');
        const scopes = readScopes(parsed.text('scopes'));
        return withContext(env, parsed, async ({ access: { db }, keyHasher }) => {
          const key = await createApiKey(db, systemRandom, keyHasher, { accountUuid: uuid, name, scopes });
          if (!key.ok) throw new CommandFailure(key.refusal.detail);
          const id = keyIds.format(key.value.keyUuid);
          output.result(
            parsed.has('json')
              ? JSON.stringify({ key_id: id, api_key: key.value.text })
              : `key      ${id}\nAPI key  ${key.value.text}`,
          );
          return 0;
        });
      },
    },
    'key disable': {
      arguments: ['id'],
      flags: { account: { type: 'string', value: 'ID', help: 'account id' }, ...DATA_DIR_FLAG },
      run: (parsed, output) => {
        const id = parsed.positionals[0] ?? '';
        const keyUuid = keyIds.parse(id);
        if (keyUuid === null) throw new UsageError(`"${id}" is not a key id; a key id begins with key_.`);
        const uuid = accountUuid(requireText(parsed, 'account'));
        return withContext(env, parsed, async ({ access: { db } }) => {
          const outcome = await disableApiKey(db, uuid, keyUuid);
          if (outcome === 'not_found')
            throw new CommandFailure(
              `This account does not have the key ${id}. "rushes-server account show" lists its keys.`,
            );
          output.result(outcome === 'disabled' ? `${id} is disabled` : `${id} was disabled before`);
          return 0;
        });
      },
    },
  };
}
