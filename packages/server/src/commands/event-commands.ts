import { accountIds } from '@rushes/contract';
import type { Environment } from '../config/index.ts';
import { listOperatorEvents } from '../operators/index.ts';
import { UsageError, type CommandBodies, type ParsedCommand } from './command.ts';
import { accountUuid, DATA_DIR_FLAG, JSON_FLAG, withContext } from './context.ts';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 10_000;

export function eventCommands(env: Environment): CommandBodies {
  return {
    'operator events': {
      flags: {
        account: { type: 'string', value: 'ID', help: 'only events of this account' },
        limit: { type: 'string', value: 'N', help: `how many events; the default is ${DEFAULT_LIMIT}` },
        ...JSON_FLAG,
        ...DATA_DIR_FLAG,
      },
      run: (parsed, output) => {
        const id = parsed.text('account');
        const only = id === undefined ? null : accountUuid(id);
        const limit = readLimit(parsed);
        return withContext(env, parsed, async ({ access: { db } }) => {
          const events = (await listOperatorEvents(db, { accountUuid: only, limit })).map((event) => ({
            id: event.eventUuid,
            type: event.type,
            account_id: event.accountUuid === null ? null : accountIds.format(event.accountUuid),
            detail: event.detail,
            created_at: event.createdAt.toISOString(),
          }));
          if (parsed.has('json')) output.result(JSON.stringify({ data: events }));
          else {
            for (const event of events) {
              const detail = JSON.stringify(event.detail);
              output.result([event.created_at, event.type, event.account_id ?? '-', detail].join('  '));
            }
          }
          return 0;
        });
      },
    },
  };
}

function readLimit(parsed: ParsedCommand): number {
  const text = parsed.text('limit');
  if (text === undefined) return DEFAULT_LIMIT;
  const limit = /^[0-9]{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(limit >= 1 && limit <= MAX_LIMIT)) {
    throw new UsageError(`--limit must be a number from 1 to ${MAX_LIMIT}, not "${text}".`);
  }
  return limit;
}
