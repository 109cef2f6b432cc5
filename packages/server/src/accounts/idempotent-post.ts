import type { Database, Queryable } from '../db/index.ts';
import { accept, refuse, type Outcome } from '../outcome/index.ts';
import { claimRequest, findRequest, type RequestKey } from './idempotency.ts';

/**
 * Runs `work` in one transaction, which also stores the id of the created object under the request_id. After the commit
 * both exist, or neither. A refused request leaves nothing behind and does not use up its request_id.
 */
export type CommitPost = <T>(
  work: (tx: Queryable) => Promise<Outcome<T>>,
  resourceId: (made: T) => string,
) => Promise<Outcome<T>>;

/** A POST that can safely be sent again. */
export interface IdempotentPost<T> {
  /** Finds the object that an earlier request with the same request_id created, by its stored id. */
  replay(resourceId: string): Promise<Outcome<T>>;
  /** Creates the object. Everything that changes the database is done in one call of `commit`. */
  make(commit: CommitPost): Promise<Outcome<T>>;
}

export interface Posted<T> {
  readonly value: T;
  /** True when an earlier request with the same request_id created it. */
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
 * Carries out a POST once for each request_id. A duplicate gets the object that the first request created, also when
 * both run at the same time. `key` is null for a request without a request_id, which is always carried out.
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
    // This request may have been refused because of its duplicate, for example when that one took the last free place.
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
      detail: 'This request_id was used for another request on this route in the last 72 hours. Use a new one.',
      param: 'request_id',
    });
  }
  const replayed = await post.replay(before.resourceId);
  return replayed.ok ? accept({ value: replayed.value, replayed: true }) : replayed;
}
