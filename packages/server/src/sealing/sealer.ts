/**
 * The sealer: brings every new entry under a signed checkpoint within a second. Any number of processes run it; the one
 * that holds the lease works. It takes part in no settlement and holds no lock that one waits for.
 */
import { accountIds } from '@rushes/contract';
import { startLoop } from '../loop/index.ts';
import { NO_METRICS, type Metrics } from '../ports.ts';
import { alertOperator, recordOperatorEvent, type OperatorNotice } from '../operators/index.ts';
import { originOf } from './origin.ts';
import { refusalOf, sealTrees, type Refused, type SealContext } from './seal.ts';
import { SealerTerm, type Term, type TermOptions } from './sealer-term.ts';
import { findUnsealed, type OpenTree } from './trees.ts';
import { treesToAudit } from './audit.ts';

export interface SealerOptions extends TermOptions {
  readonly pollMs?: number;
  readonly metrics?: Metrics;
  readonly atStep?: SealContext['atStep'];
}

export interface Sealer {
  /** Ends after the round under way and gives the lease up. */
  stop(): Promise<void>;
}

/** A sealer that does nothing by itself. */
export interface SteppedSealer {
  /** Seals what there is, up to a bound; true when nothing was left. Rejects when the database or the disk fails. */
  round(): Promise<boolean>;
  /** Gives the lease up. */
  close(): Promise<void>;
}

/** Four looks a second leave most of the second for the work. */
const POLL_MS = 250;
const ACCOUNTS_PER_PAGE = 500;
/** How often every account is compared with the log: notices a restored database although nothing is written to it. */
const AUDIT_INTERVAL_MS = 30_000;

/** Ends a refusal whose cause is gone when there is nothing new to sign: a publication would end it by itself. */
async function takeRefusalBack({ db, logger }: SealerOptions, term: Term, tree: OpenTree): Promise<void> {
  if (tree.refusedReason === null || tree.size < tree.lastSeq) return;
  const origin = originOf(term.ring.serverName, tree.accountUuid, 1);
  await db.query('SELECT refuse_sealing($1, $2, NULL)', [tree.accountUuid, origin]);
  const account = accountIds.format(tree.accountUuid);
  logger.info({ account, reason: tree.refusedReason }, 'signing continues for this account');
}

/** Makes the keys when there are none. Throws `LedgerKeysError` or `DataDirError`. */
export function createSealer(options: SealerOptions): SteppedSealer {
  const { db, clock, random, logger, atStep, metrics = NO_METRICS } = options;
  const sealedEntries = metrics.counter({
    name: 'rushes_ledger_sealed_entries_total',
    help: 'Entries that this process covered with signed checkpoints.',
    labels: [],
  });
  const refusals = metrics.counter({
    name: 'rushes_ledger_sealing_refusals_total',
    help: 'How often this process began to refuse signing for an account, by reason.',
    labels: ['reason'],
  });
  const mine = new SealerTerm(options);
  let nextAuditMs = 0;

  const refuse = async (term: Term, { accountUuid, reason, detail }: Refused): Promise<void> => {
    const origin = originOf(term.ring.serverName, accountUuid, 1);
    const event: OperatorNotice = { type: 'ledger.sealing_refused', accountUuid, detail: { reason, detail } };
    // One transaction: a process that dies in between must not leave a refusal that nobody was told of.
    const isNews = await db.transaction(async (tx) => {
      const [row] = await tx.query<{ news: boolean }>('SELECT refuse_sealing($1, $2, $3) AS news', [
        accountUuid,
        origin,
        reason,
      ]);
      if (row?.news === true) await recordOperatorEvent(tx, random.uuid(), event);
      return row?.news === true;
    });
    if (!isNews) return;
    refusals.add({ reason });
    alertOperator(logger, event);
  };

  const look = async (term: Term, tree: OpenTree): Promise<void> => {
    const why = refusalOf(tree, term.log.head(accountIds.format(tree.accountUuid)));
    if (why === null) await takeRefusalBack(options, term, tree);
    else await refuse(term, why);
  };

  /** Compares what the log says was signed with what the database has, whether or not there is anything to seal. */
  const audit = async (term: Term): Promise<void> => {
    if (clock.monotonicMs() < nextAuditMs) return;
    nextAuditMs = clock.monotonicMs() + AUDIT_INTERVAL_MS;
    for await (const tree of treesToAudit(db, term.log)) await look(term, tree);
  };

  const round = async (): Promise<boolean> => {
    const term = await mine.hold();
    if (term === null) return true;
    await audit(term);
    const context: SealContext = { db, clock, term, ...(atStep === undefined ? {} : { atStep }) };
    let after = accountIds.nil;
    let trees: readonly OpenTree[];
    let isDone = true;
    do {
      trees = await findUnsealed(db, after, ACCOUNTS_PER_PAGE);
      const result = await sealTrees(context, trees);
      sealedEntries.add({}, result.sealedEntries);
      for (const one of result.refused) await refuse(term, one);
      isDone &&= result.isDone;
      after = trees.at(-1)?.accountUuid ?? after;
    } while (trees.length === ACCOUNTS_PER_PAGE);
    return isDone;
  };

  return {
    async round() {
      try {
        return await round();
      } catch (error) {
        // The log may end in half a line, and the lease may be another's: begin again from what is on disk.
        await mine.end();
        throw error;
      }
    },
    close: () => mine.close(),
  };
}

/** Starts sealing in rounds. Throws `LedgerKeysError` or `DataDirError` when the keys cannot be used. */
export function startSealer(options: SealerOptions): Sealer {
  const { clock, logger, pollMs = POLL_MS } = options;
  const sealer = createSealer(options);
  const loop = startLoop({
    clock,
    logger,
    doing: 'sealing the ledger',
    round: async () => ((await sealer.round()) ? pollMs : 0),
    failurePauseMs: pollMs,
  });
  return {
    async stop() {
      await loop.stop();
      await sealer.close().catch((error: unknown) => {
        logger.warn({ err: error }, 'the lease of the sealer could not be released; it expires by itself');
      });
    },
  };
}
