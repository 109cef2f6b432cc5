import { accountIds } from '@rushes/contract';
import type { Environment } from '../config/index.ts';
import type { Period, Reconciliation } from '../checking/index.ts';
import { formatVerifierKey, openEpoch, readKeyRing, registerKeys, rotateKey } from '../sealing/index.ts';
import {
  actOnViolations,
  checkEverything,
  LEDGER_CHECK_ANSWER_TIMEOUT_MS,
  type CheckProgress,
} from '../checking/index.ts';
import { systemClock, systemRandom } from '../system/index.ts';
import {
  CommandFailure,
  requireText,
  UsageError,
  type CommandBodies,
  type CommandBody,
  type Output,
  type ParsedCommand,
} from './command.ts';
import { accountUuid, DATA_DIR_FLAG, JSON_FLAG, withContext } from './context.ts';
import { dollars, readTime } from './upstream-report-command.ts';

/**
 * Default length of the period: a month and a day, so that on the first of a month it includes the whole month before.
 */
const RECONCILED_BY_DEFAULT_MS = 32 * 24 * 3_600_000;
const PROGRESS_EVERY_ACCOUNTS = 1_000;
const PROGRESS_EVERY_CHECKPOINTS = 200_000;

function readPeriod(parsed: ParsedCommand): Period {
  const to = readTime(parsed, 'to') ?? systemClock.now();
  const from = readTime(parsed, 'from') ?? new Date(to.getTime() - RECONCILED_BY_DEFAULT_MS);
  if (from >= to) throw new UsageError('--from must be before --to.');
  return { from, to };
}

function describe({ from, to }: Period, sums: Reconciliation): string {
  const { matched, possible_duplicate: duplicates, late } = sums.generations;
  return [
    `From ${from.toISOString()} to ${to.toISOString()}:`,
    `  charged    ${sums.charges} tasks, ${sums.chargedCredits} credits; reversed later ${sums.reversedCredits}`,
    `  refunded   ${sums.refunds} tasks, ${sums.refundedCredits} credits; forfeited ${sums.forfeits}, ${sums.forfeitedCredits} credits`,
    `  generated  ${matched + duplicates + late}: ${matched} for a task, ${duplicates} possible duplicates, ${late} late; ${sums.failedGenerations} failed upstream`,
    `  generated but not charged: ${sums.unchargedGenerations} tasks that timed out or whose video could not be downloaded`,
    `  cost       ${dollars(sums.costMicroUsd)}, ${dollars(sums.uselessMicroUsd)} of it for duplicates and late results` +
      (sums.unpricedGenerations === 0 ? '' : `; ${sums.unpricedGenerations} generations have no cost set`),
  ].join('\n');
}

function progressTo(output: Output): (done: CheckProgress) => void {
  return ({ accounts, checkpoints }) => {
    if (checkpoints === 0 && accounts % PROGRESS_EVERY_ACCOUNTS === 0) output.note(`${accounts} accounts checked`);
    if (checkpoints > 0 && checkpoints % PROGRESS_EVERY_CHECKPOINTS === 0) {
      output.note(`${checkpoints} checkpoints of the log compared`);
    }
  };
}

function check(env: Environment): CommandBody {
  return {
    flags: {
      account: { type: 'string', value: 'ID', help: 'only this account' },
      from: {
        type: 'string',
        value: 'TIME',
        help: 'charges and generations from this time on; the default is 32 days before --to',
      },
      to: { type: 'string', value: 'TIME', help: 'charges and generations before this time; the default is now' },
      block: {
        type: 'boolean',
        help: 'block accounts with a violation from reserving credits, as the scheduled check does',
      },
      ...JSON_FLAG,
      ...DATA_DIR_FLAG,
    },
    run: (parsed, output) => {
      const id = parsed.text('account');
      const only = id === undefined ? null : accountUuid(id);
      const period = readPeriod(parsed);
      return withContext(env, parsed, async ({ config, logger, access }) => {
        const db = access.openPool(1, LEDGER_CHECK_ANSWER_TIMEOUT_MS);
        const { accounts, violations, reconciliation } = await checkEverything(db, {
          keysDirectory: config.ledgerKeysDir,
          only,
          period,
          onProgress: progressTo(output),
          onFound: async (found) => {
            if (parsed.has('block')) await actOnViolations({ db, random: systemRandom, logger }, found);
          },
        });
        const shown = violations.map((violation) => ({
          account_id: accountIds.format(violation.accountUuid),
          rule: violation.rule,
          detail: violation.detail,
        }));
        if (parsed.has('json')) {
          const { from, to } = period;
          const reconciled = { from: from.toISOString(), to: to.toISOString(), ...toJson(reconciliation) };
          output.result(JSON.stringify({ accounts, violations: shown, reconciliation: reconciled }));
        } else {
          for (const row of shown) output.result(`${row.account_id}  ${row.rule}  ${row.detail}`);
          output.note(describe(period, reconciliation));
        }
        output.note(
          shown.length === 0
            ? 'There are no violations: the ledger adds up and agrees with every checkpoint.'
            : `${shown.length} violations.`,
        );
        return shown.length === 0 ? 0 : 1;
      });
    },
  };
}

/** The names that JSON has everywhere else. */
function toJson(sums: Reconciliation): object {
  return Object.fromEntries(
    Object.entries(sums).map(([name, value]) => [
      name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    ]),
  );
}

function newEpoch(env: Environment): CommandBody {
  return {
    flags: {
      account: { type: 'string', value: 'ID', help: 'the account' },
      reason: { type: 'string', help: 'what happened; the customer reads it' },
      ...JSON_FLAG,
      ...DATA_DIR_FLAG,
    },
    run: (parsed, output) => {
      const id = requireText(parsed, 'account');
      const uuid = accountUuid(id);
      const reason = requireText(parsed, 'reason');
      return withContext(env, parsed, async ({ config, access: { db } }) => {
        const opened = await openEpoch(db, config.ledgerKeysDir, uuid, reason);
        if (opened === null)
          throw new CommandFailure(`No checkpoint was ever signed for ${id}, so it does not need a new epoch.`);
        if (parsed.has('json')) {
          output.result(
            JSON.stringify({ account_id: id, epoch: opened.epoch, previous_checkpoint: opened.previousCheckpoint }),
          );
        } else {
          output.result(
            `${id} is in epoch ${opened.epoch}. The last checkpoint before it:\n\n${opened.previousCheckpoint}`,
          );
          output.note(
            'The running server signs the first checkpoint of the new epoch and sends both checkpoints to the customer.',
          );
        }
        return 0;
      });
    },
  };
}

function rotate(env: Environment): CommandBody {
  return {
    flags: { ...DATA_DIR_FLAG },
    run: (parsed, output) =>
      withContext(env, parsed, async ({ config, access: { db } }) => {
        if (!(await registerKeys(db, readKeyRing(config.ledgerKeysDir)))) {
          throw new CommandFailure(
            `The checkpoints of this database are signed by a key that is not in ${config.ledgerKeysDir}. Set RUSHES_LEDGER_KEYS_DIR to the folder with that key.`,
          );
        }
        const ring = rotateKey(config.ledgerKeysDir, systemClock.now());
        await registerKeys(db, ring);
        output.result(formatVerifierKey(ring.active));
        output.note(
          'Give the new key to your customers: their verifiers know only the old key, and ask before they trust another one.',
        );
        return 0;
      }),
  };
}

export function ledgerCommands(env: Environment): CommandBodies {
  return { 'ledger check': check(env), 'ledger new-epoch': newEpoch(env), 'ledger rotate-key': rotate(env) };
}
