/** A transaction on the real database that stays open between the steps of a history. */
import type { Queryable } from '../../server/src/db/index.ts';
import type { Step } from './scheduler.ts';
import type { Outcome, Session } from './sessions.ts';

export interface OpenTransaction {
  readonly session: Session;
  readonly tx: Queryable;
  /** Resolves when it was committed or rolled back. */
  readonly ended: Promise<Outcome<null>>;
  commit(): void;
  abort(reason: Error): void;
  isOver: boolean;
  isBusy: boolean;
  /** To be rolled back as soon as its present statement has ended. */
  isDoomed: boolean;
  idle: Step | null;
}

/** Begins one, and resolves when it has begun. */
export function openTransaction(session: Session): Promise<OpenTransaction> {
  return new Promise((begun, failed) => {
    const ended = session.db
      .transaction(async (tx) => {
        // Real time: a machine that is busy with something else must not end it.
        await tx.query('SET LOCAL idle_in_transaction_session_timeout = 0');
        await new Promise<void>((commit, abort) => {
          begun({ session, tx, ended, commit, abort, isOver: false, isBusy: false, isDoomed: false, idle: null });
        });
      })
      .then(
        (): Outcome<null> => ({ ok: true, value: null }),
        (error: unknown): Outcome<null> => {
          failed(error instanceof Error ? error : new Error(String(error)));
          return { ok: false, error };
        },
      );
  });
}
