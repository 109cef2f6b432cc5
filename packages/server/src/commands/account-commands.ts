import { ACCOUNT_MODES, PLAN_NAMES, SCOPES, accountIds, type AccountMode, type Plan } from '@rushes/contract';
import { createAccount, createApiKey, findAccount, listAccounts, terminateAccount } from '../accounts/index.ts';
import type { Environment } from '../config/index.ts';
import { credits, issueCredits } from '../ledger/index.ts';
import { systemRandom } from '../system/index.ts';
import {
  CommandFailure,
  requireCredits,
  requireText,
  UsageError,
  type CommandBodies,
  type CommandBody,
} from './command.ts';
import { accountUuid, DATA_DIR_FLAG, JSON_FLAG, withContext } from './context.ts';

function oneOf<T extends string>(flag: string, text: string, allowed: readonly T[]): T {
  const found = allowed.find((value) => value === text);
  if (found === undefined) throw new UsageError(`--${flag} must be one of ${allowed.join(', ')}, not "${text}".`);
  return found;
}

function create(env: Environment): CommandBody {
  return {
    flags: {
      name: { type: 'string', help: 'name of the customer' },
      plan: {
        type: 'string',
        value: PLAN_NAMES.join('|'),
        help: 'plan, which sets the limits of the account; the default is pilot',
      },
      credits: { type: 'string', value: 'N', help: 'credits to grant now; the default is none' },
      mode: {
        type: 'string',
        value: ACCOUNT_MODES.join('|'),
        help: 'test accounts always use the simulator; the default is live',
      },
      ...JSON_FLAG,
      ...DATA_DIR_FLAG,
    },
    run: (parsed, output) => {
      const name = requireText(parsed, 'name');
      const plan: Plan = oneOf('plan', parsed.text('plan') ?? 'pilot', PLAN_NAMES);
      const mode: AccountMode = oneOf('mode', parsed.text('mode') ?? 'live', ACCOUNT_MODES);
      const amount =
        parsed.text('credits') === undefined || parsed.text('credits') === '0'
          ? null
          : requireCredits(parsed, 'credits');
      return withContext(env, parsed, async ({ access: { db }, keyHasher }) => {
        const uuid = await createAccount(db, systemRandom, { name, plan, mode });
        if (amount !== null) {
          await issueCredits(db, {
            accountUuid: uuid,
            kind: 'grant',
            amount,
            reason: 'credits granted when the account was opened',
            reference: `account-create:${accountIds.format(uuid)}`,
          });
        }
        const key = await createApiKey(db, systemRandom, keyHasher, {
          accountUuid: uuid,
          name: 'first key',
          scopes: SCOPES,
        });
        if (!key.ok) throw new CommandFailure(key.refusal.detail);
        if (parsed.has('json')) {
          output.result(JSON.stringify({ account_id: accountIds.format(uuid), api_key: key.value.text }));
        } else {
          output.result(`account  ${accountIds.format(uuid)}\nAPI key  ${key.value.text}`);
          output.note('The key is shown only once. Give it to the customer, who sets it as RUSHES_API_KEY.');
        }
        return 0;
      });
    },
  };
}

function list(env: Environment): CommandBody {
  return {
    flags: { ...JSON_FLAG, ...DATA_DIR_FLAG },
    run: (parsed, output) =>
      withContext(env, parsed, async ({ access: { db } }) => {
        const accounts = (await listAccounts(db)).map((account) => ({
          account_id: accountIds.format(account.accountUuid),
          name: account.name,
          plan: account.plan,
          mode: account.mode,
          status: account.status,
          created_at: account.createdAt.toISOString(),
        }));
        if (parsed.has('json')) output.result(JSON.stringify({ data: accounts }));
        else
          for (const row of accounts)
            output.result([row.account_id, row.status, row.plan, row.mode, row.name].join('  '));
        return 0;
      }),
  };
}

function show(env: Environment): CommandBody {
  return {
    arguments: ['id'],
    flags: { ...JSON_FLAG, ...DATA_DIR_FLAG },
    run: (parsed, output) =>
      withContext(env, parsed, async ({ access: { db } }) => {
        const uuid = accountUuid(parsed.positionals[0] ?? '');
        const account = await findAccount(db, uuid);
        if (account === null)
          throw new CommandFailure(
            `There is no account ${parsed.positionals[0] ?? ''}. "rushes-server account list" shows all accounts.`,
          );
        const document = {
          account_id: accountIds.format(uuid),
          name: account.name,
          plan: account.plan,
          mode: account.mode,
          status: account.status,
          terms: account.terms,
          ...account.limits,
          created_at: account.createdAt.toISOString(),
          credits: await credits(db, uuid),
          keys: account.keys.map((key) => ({
            name: key.name,
            ends_with: key.lastCharacters,
            scopes: key.scopes,
            enabled: key.enabled,
          })),
        };
        output.result(parsed.has('json') ? JSON.stringify(document) : JSON.stringify(document, null, 2));
        return 0;
      }),
  };
}

function terminate(env: Environment): CommandBody {
  return {
    arguments: ['id'],
    flags: { ...DATA_DIR_FLAG },
    run: (parsed, output) =>
      withContext(env, parsed, async ({ access: { db } }) => {
        const id = parsed.positionals[0] ?? '';
        const outcome = await terminateAccount(db, accountUuid(id));
        if (outcome === 'not_found')
          throw new CommandFailure(`There is no account ${id}. "rushes-server account list" shows all accounts.`);
        output.result(outcome === 'terminated' ? `${id} is terminated` : `${id} was terminated before`);
        return 0;
      }),
  };
}

export function accountCommands(env: Environment): CommandBodies {
  return {
    'account create': create(env),
    'account list': list(env),
    'account show': show(env),
    'account terminate': terminate(env),
  };
}
