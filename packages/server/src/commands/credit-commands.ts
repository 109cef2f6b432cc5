import { NEGOTIABLE_FAILURES, keyIds, type Resolution, type Terms, type AccountUuid } from '@rushes/contract';
import {
  createOperatorKey,
  disableOperatorKey,
  issue,
  reverse,
  revoke,
  setTerms,
  unblock,
  type AdminContext,
  type Done,
} from '../operators/index.ts';
import type { Environment } from '../config/index.ts';
import { credits } from '../ledger/index.ts';
import { systemRandom } from '../system/index.ts';
import { commandActor } from './actor.ts';
import {
  CommandFailure,
  requireCredits,
  requireText,
  UsageError,
  type CommandBodies,
  type CommandBody,
  type Flags,
  type ParsedCommand,
} from './command.ts';
import { accountUuid, DATA_DIR_FLAG, JSON_FLAG, withContext } from './context.ts';

const JUSTIFIED = {
  reason: { type: 'string', help: 'why; the customer reads it in the ledger' },
  reference: { type: 'string', help: 'invoice, transfer or ticket; a reference is carried out only once' },
} as const satisfies Flags;

interface Movement {
  readonly flags: Flags;
  /** Reads the flags of the command, before the database is opened. */
  prepare(
    parsed: ParsedCommand,
    common: { accountUuid: AccountUuid; reason: string; reference: string },
  ): (context: AdminContext) => Promise<Done>;
  /** The word for the finished movement, for the output. */
  readonly done: string;
}

const CREDITS = { credits: { type: 'string', value: 'N', help: 'number of credits' } } as const satisfies Flags;

const MOVEMENTS: Readonly<Record<string, Movement>> = {
  'account grant': {
    flags: CREDITS,
    prepare(parsed, common) {
      const amount = requireCredits(parsed, 'credits');
      return (context) => issue(context, { ...common, kind: 'grant', amount });
    },
    done: 'granted',
  },
  'account purchase': {
    flags: CREDITS,
    prepare(parsed, common) {
      const amount = requireCredits(parsed, 'credits');
      return (context) => issue(context, { ...common, kind: 'purchase', amount });
    },
    done: 'booked',
  },
  'account reverse': {
    flags: {
      seq: { type: 'string', value: 'N', help: 'number of the entry' },
      credits: { type: 'string', value: 'N', help: 'how many; the default is all that is left of the entry' },
    },
    prepare(parsed, common) {
      const seq = requireCredits(parsed, 'seq');
      const amount = parsed.text('credits') === undefined ? null : requireCredits(parsed, 'credits');
      return (context) => reverse(context, { ...common, seq, amount });
    },
    done: 'reversed',
  },
  'account revoke': {
    flags: CREDITS,
    prepare(parsed, common) {
      const amount = requireCredits(parsed, 'credits');
      return (context) => revoke(context, { ...common, amount });
    },
    done: 'revoked',
  },
};

function movementCommand(env: Environment, movement: Movement): CommandBody {
  return {
    arguments: ['id'],
    flags: { ...movement.flags, ...JUSTIFIED, ...DATA_DIR_FLAG },
    run: (parsed, output) => {
      const id = parsed.positionals[0] ?? '';
      const common = {
        accountUuid: accountUuid(id),
        reason: requireText(parsed, 'reason'),
        reference: requireText(parsed, 'reference'),
      };
      const move = movement.prepare(parsed, common);
      return withContext(env, parsed, async ({ access: { db } }) => {
        const outcome = await move({ db, random: systemRandom, actor: commandActor() });
        if (!outcome.ok) throw new CommandFailure(outcome.refusal.detail);
        const { available, debt } = await credits(db, common.accountUuid);
        const now = `${id} has ${available} credits available${debt > 0 ? ` and owes ${debt}` : ''}`;
        output.result(
          outcome.value.replayed
            ? `${common.reference} was ${movement.done} before. Nothing changed: ${now}`
            : `${common.reference} is ${movement.done}: ${now}`,
        );
        return 0;
      });
    },
  };
}

function readTerms(parsed: ParsedCommand): Partial<Terms> {
  const terms: Partial<Record<keyof Terms, Resolution>> = {};
  for (const failure of NEGOTIABLE_FAILURES) {
    const text = parsed.text(failure.replaceAll('_', '-'));
    if (text === undefined) continue;
    if (text !== 'refund' && text !== 'forfeit') {
      throw new UsageError(`--${failure.replaceAll('_', '-')} must be refund or forfeit, not "${text}".`);
    }
    terms[failure] = text;
  }
  if (Object.keys(terms).length === 0) throw new UsageError('Give at least one of the terms; see --help.');
  return terms;
}

function termsCommand(env: Environment): CommandBody {
  const value = 'refund|forfeit';
  return {
    arguments: ['id'],
    flags: {
      'moderation-input': {
        type: 'string',
        value,
        help: 'when the prompt or image is rejected; the default is forfeit',
      },
      'moderation-output': { type: 'string', value, help: 'when the video is rejected; the default is refund' },
      canceled: { type: 'string', value, help: 'for queued tasks of a canceled batch; the default is refund' },
      ...DATA_DIR_FLAG,
    },
    run: (parsed, output) => {
      const id = parsed.positionals[0] ?? '';
      const uuid = accountUuid(id);
      const terms = readTerms(parsed);
      return withContext(env, parsed, async ({ access: { db } }) => {
        const outcome = await setTerms({ db, random: systemRandom, actor: commandActor() }, uuid, terms);
        if (!outcome.ok) throw new CommandFailure(outcome.refusal.detail);
        output.result(`${id}: ${JSON.stringify(outcome.value.terms)}`);
        return 0;
      });
    },
  };
}

function unblockCommand(env: Environment): CommandBody {
  return {
    arguments: ['id'],
    flags: { reason: { type: 'string', help: 'what was found and done; it is recorded' }, ...DATA_DIR_FLAG },
    run: (parsed, output) => {
      const id = parsed.positionals[0] ?? '';
      const uuid = accountUuid(id);
      const reason = requireText(parsed, 'reason');
      return withContext(env, parsed, async ({ access: { db } }) => {
        const outcome = await unblock({ db, random: systemRandom, actor: commandActor() }, uuid, reason);
        if (!outcome.ok) throw new CommandFailure(outcome.refusal.detail);
        output.result(outcome.value.replayed ? `${id} was not blocked` : `${id} is active again`);
        return 0;
      });
    },
  };
}

function operatorKeyCommands(env: Environment): CommandBodies {
  return {
    'operator-key create': {
      flags: { name: { type: 'string', help: 'the person that the key is for' }, ...JSON_FLAG, ...DATA_DIR_FLAG },
      run: (parsed, output) => {
        const name = requireText(parsed, 'name');
        return withContext(env, parsed, async ({ access: { db }, keyHasher }) => {
          const key = await createOperatorKey(db, systemRandom, keyHasher, name);
          const id = keyIds.format(key.keyUuid);
          output.result(
            parsed.has('json')
              ? JSON.stringify({ key_id: id, operator_key: key.text })
              : `key           ${id}\noperator key  ${key.text}`,
          );
          return 0;
        });
      },
    },
    'operator-key disable': {
      arguments: ['id'],
      flags: { ...DATA_DIR_FLAG },
      run: (parsed, output) => {
        const id = parsed.positionals[0] ?? '';
        const keyUuid = keyIds.parse(id);
        if (keyUuid === null) throw new UsageError(`"${id}" is not a key id; a key id begins with key_.`);
        return withContext(env, parsed, async ({ access: { db } }) => {
          const outcome = await disableOperatorKey(db, keyUuid);
          if (outcome === 'not_found') throw new CommandFailure(`There is no operator key ${id}.`);
          output.result(outcome === 'disabled' ? `${id} is disabled` : `${id} was disabled before`);
          return 0;
        });
      },
    },
  };
}

/** Commands for credits, terms and operator keys. */
export function creditCommands(env: Environment): CommandBodies {
  return {
    ...Object.fromEntries(Object.entries(MOVEMENTS).map(([name, movement]) => [name, movementCommand(env, movement)])),
    'account set-terms': termsCommand(env),
    'account unblock': unblockCommand(env),
    ...operatorKeyCommands(env),
  };
}
