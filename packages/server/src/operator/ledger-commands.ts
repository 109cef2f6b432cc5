import { formatId } from '@rushes/contract';
import type { Environment } from '../environment-reader.ts';
import {
  actOnViolations,
  checkEverything,
  formatVerifierKey,
  openEpoch,
  readKeyRing,
  registerKeys,
  rotateKey,
} from '../sealing/index.ts';
import { systemClock, systemRandom } from '../system-ports.ts';
import { CommandFailure, requireText, type Command } from './command.ts';
import { accountUuid, DATA_DIR_FLAG, JSON_FLAG, withContext } from './context.ts';

function check(env: Environment): Command {
  return {
    name: 'ledger check',
    summary:
      'Checks every invariant and every checkpoint of the ledger; prints each violation and exits with 1 if there is one.',
    flags: {
      account: { type: 'string', value: 'ID', help: 'only this account' },
      block: {
        type: 'boolean',
        help: 'block new reservations of accounts with a violation, as the scheduled check does',
      },
      ...JSON_FLAG,
      ...DATA_DIR_FLAG,
    },
    run: (parsed, output) => {
      const id = parsed.text('account');
      const only = id === undefined ? null : accountUuid(id);
      return withContext(env, parsed, async ({ config, logger, access: { db } }) => {
        const found = await checkEverything(db, config.ledgerKeysDir, only);
        if (parsed.has('block')) await actOnViolations({ db, random: systemRandom, logger }, found);
        const violations = found.map((violation) => ({
          account_id: formatId('acct', violation.accountUuid),
          rule: violation.rule,
          detail: violation.detail,
        }));
        if (parsed.has('json')) output.result(JSON.stringify({ violations }));
        else for (const row of violations) output.result(`${row.account_id}  ${row.rule}  ${row.detail}`);
        output.note(
          violations.length === 0
            ? 'The ledger adds up, and agrees with every checkpoint: no violations.'
            : `${violations.length} violations.`,
        );
        return violations.length === 0 ? 0 : 1;
      });
    },
  };
}

function newEpoch(env: Environment): Command {
  return {
    name: 'ledger new-epoch',
    summary: 'After a restore to an earlier time: begins a new tree for an account, announced to the customer.',
    flags: {
      account: { type: 'string', value: 'ID', help: 'the account' },
      reason: { type: 'string', help: 'what happened, for the customer to read' },
      ...JSON_FLAG,
      ...DATA_DIR_FLAG,
    },
    run: (parsed, output) => {
      const id = requireText(parsed, 'account');
      const uuid = accountUuid(id);
      const reason = requireText(parsed, 'reason');
      return withContext(env, parsed, async ({ config, access: { db } }) => {
        const opened = await openEpoch(db, config.ledgerKeysDir, uuid, reason);
        if (opened === null) throw new CommandFailure(`Nothing was ever signed for ${id}: it needs no new epoch.`);
        if (parsed.has('json')) {
          output.result(
            JSON.stringify({ account_id: id, epoch: opened.epoch, previous_checkpoint: opened.previousCheckpoint }),
          );
        } else {
          output.result(
            `${id} is in epoch ${opened.epoch}. The last checkpoint before it:\n\n${opened.previousCheckpoint}`,
          );
          output.note('The sealer signs the first checkpoint of the new epoch and tells the customer of both.');
        }
        return 0;
      });
    },
  };
}

function rotate(env: Environment): Command {
  return {
    name: 'ledger rotate-key',
    summary: 'Signs checkpoints with a new key from now on; the old one stays published and signs nothing more.',
    flags: { ...DATA_DIR_FLAG },
    run: (parsed, output) =>
      withContext(env, parsed, async ({ config, access: { db } }) => {
        if (!(await registerKeys(db, readKeyRing(config.ledgerKeysDir)))) {
          throw new CommandFailure(
            `The checkpoints of this database are signed by a key that is not in ${config.ledgerKeysDir}.`,
          );
        }
        const ring = rotateKey(config.ledgerKeysDir, systemClock.now());
        await registerKeys(db, ring);
        output.result(formatVerifierKey(ring.active));
        output.note('Tell your customers of it: their verifiers know the old key, and ask before they trust another.');
        return 0;
      }),
  };
}

export function ledgerCommands(env: Environment): readonly Command[] {
  return [check(env), newEpoch(env), rotate(env)];
}
