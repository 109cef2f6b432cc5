import { createHash } from 'node:crypto';
import { claimOnce, findOnce, type Caller, type OnceKey } from '../accounts/index.ts';
import type { Queryable } from '../db/index.ts';
import { refuse, type Outcome } from '../outcome/index.ts';
import type { Answer } from './exchange.ts';

/** JSON with sorted names, so that the order in which a client wrote its fields does not matter. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value)
    .filter(([, inner]) => inner !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, inner]) => `${JSON.stringify(name)}:${canonical(inner)}`).join(',')}}`;
}

/**
 * The key of one POST, or null when it brought no request_id.
 *
 * @param request what it asks for, after parsing and defaults, without its request_id
 */
export function onceKey(caller: Caller, route: string, requestId: string | null, request: object): OnceKey | null {
  if (requestId === null) return null;
  const requestHash = createHash('sha256').update(canonical(request)).digest();
  return { accountUuid: caller.accountUuid, route, requestId, requestHash };
}

/** Thrown inside a transaction to undo it: a concurrent duplicate was first. */
class AnsweredMeanwhile extends Error {
  override readonly name = 'AnsweredMeanwhile';
}

/** Claims the key, if there is one, for what the transaction of `tx` makes. */
export async function claimOrUndo(tx: Queryable, key: OnceKey | null, resourceId: string): Promise<void> {
  if (key !== null && !(await claimOnce(tx, key, resourceId))) throw new AnsweredMeanwhile();
}

/**
 * Answers a POST once: `replay` tells of what an earlier duplicate made, `make` makes it. `make` claims the key with
 * `claimOrUndo` in the transaction of its work.
 */
export async function answerOnce(
  db: Queryable,
  key: OnceKey | null,
  replay: (resourceId: string) => Promise<Outcome<Answer>>,
  make: () => Promise<Outcome<Answer>>,
): Promise<Outcome<Answer>> {
  if (key === null) return make();
  const known = async (): Promise<Outcome<Answer> | null> => {
    const before = await findOnce(db, key);
    if (before === null) return null;
    if (before.kind === 'replay') return replay(before.resourceId);
    return refuse({
      code: 'request_id_conflict',
      detail: 'This request_id was used for another request on this route within 72 hours. Use a new one.',
      param: 'request_id',
    });
  };
  const before = await known();
  if (before !== null) return before;
  try {
    const made = await make();
    // The duplicate that was first may be why this one was refused, by the last free place for example.
    return made.ok ? made : ((await known()) ?? made);
  } catch (error) {
    if (!(error instanceof AnsweredMeanwhile)) throw error;
    const first = await known();
    if (first === null) throw error;
    return first;
  }
}
