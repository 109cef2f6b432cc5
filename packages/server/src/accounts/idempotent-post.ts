import type { Database, Queryable } from '../db/index.ts';
import { accept, refuse, type Outcome } from '../outcome/index.ts';
import { claimRequest, findRequest, type RequestKey } from './idempotency.ts';

/**
 * Runs `work` in one transaction, which also keeps `resourceId` of what it made under the request_id: both are there after
 * the commit, or neither. A refused work leaves nothing behind and does not use the request_id up.
 */
export type CommitPost = <T>(
  work: (tx: Queryable) => Promise<Outcome<T>>,
  resourceId: (made: T) => string,
) => Promise<Outcome<T>>;

/** One POST that can be sent again. */
export interface IdempotentPost<T> {
  /** What an earlier request with the same request_id made, found by the id that was kept of it. */
  replay(resourceId: string): Promise<Outcome<T>>;
  /** Makes it; everything that changes the database goes through one call of `commit`. */
  make(commit: CommitPost): Promise<Outcome<T>>;
}

export interface Posted<T> {
  readonly value: T;
  /** Made by an earlier request with the same request_id. */
  readonly replayed: boolean;
}

/** Thrown inside a transaction to undo it: a concurrent duplicate was first. */
class AnsweredMeanwhile extends Error {
  override readonly name = 'AnsweredMeanwhile';
}

/** Thrown inside a transaction to undo what a refused work has written. */
class Undone extends Error {
  override readonly name = 'Undone';
  readonly refused: Outcome<never>;
  constructor(refused: Outcome<never>) {
    super('the work was refused');
    this.refused = refused;
  }
}

async function commitWith<T>(
  db: Database,
  key: RequestKey | null,
  work: (tx: Queryable) => Promise<Outcome<T>>,
  resourceId: (made: T) => string,
): Promise<Outcome<T>> {
  try {
    return await db.transaction(async (tx) => {
      const made = await work(tx);
      if (!made.ok) throw new Undone(made);
      if (key !== null && !(await claimRequest(tx, key, resourceId(made.value)))) throw new AnsweredMeanwhile();
      return made;
    });
  } catch (error) {
    if (error instanceof Undone) return error.refused;
    throw error;
  }
}

/**
 * Makes what a POST asks for, once for each request_id: a duplicate is told what the first one made, also when both run at
 * the same time. `key` is null for a request without a request_id, which is made each time.
 */
export async function runIdempotentPost<T>(
  db: Database,
  key: RequestKey | null,
  post: IdempotentPost<T>,
): Promise<Outcome<Posted<T>>> {
  const make = async (): Promise<Outcome<Posted<T>>> => {
    const made = await post.make((work, resourceId) => commitWith(db, key, work, resourceId));
    return made.ok ? accept({ value: made.value, replayed: false }) : made;
  };
  if (key === null) return make();
  const before = await earlier(db, key, post);
  if (before !== null) return before;
  try {
    const made = await make();
    // The duplicate that was first may be why this one was refused, by the last free place for example.
    return made.ok ? made : ((await earlier(db, key, post)) ?? made);
  } catch (error) {
    if (!(error instanceof AnsweredMeanwhile)) throw error;
    const first = await earlier(db, key, post);
    if (first === null) throw error;
    return first;
  }
}

async function earlier<T>(db: Database, key: RequestKey, post: IdempotentPost<T>): Promise<Outcome<Posted<T>> | null> {
  const before = await findRequest(db, key);
  if (before === null) return null;
  if (before.kind === 'conflict') {
    return refuse({
      code: 'request_id_conflict',
      detail: 'This request_id was used for another request on this route within 72 hours. Use a new one.',
      param: 'request_id',
    });
  }
  const replayed = await post.replay(before.resourceId);
  return replayed.ok ? accept({ value: replayed.value, replayed: true }) : replayed;
}
