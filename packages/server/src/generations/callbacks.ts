import type { Database } from '../db/index.ts';
import type { AttemptKey, AttemptTokens } from './attempt-token.ts';

/** What a callback says at most: nothing of it is believed, it only says which id to ask for. */
export interface CallbackHint {
  readonly upstreamId: string;
  /** It speaks of an end, of whatever kind. */
  readonly ended: boolean;
}

/** Reads the body of a callback; null when it cannot be one. */
export type CallbackReader = (body: Uint8Array) => CallbackHint | null;

export interface CallbackInbox {
  /** The submission that an address names, or null for an address that we never gave to that route. */
  find(route: string, token: string): AttemptKey | null;
  /** Keeps what there is to be learned from a callback for the workers. */
  deliver(route: string, key: AttemptKey, body: Uint8Array): Promise<void>;
}

export function createCallbackInbox(deps: {
  readonly db: Database;
  readonly tokens: AttemptTokens;
  readonly readers: ReadonlyMap<string, CallbackReader>;
}): CallbackInbox {
  const { db, tokens, readers } = deps;
  return {
    find: (route, token) => (readers.has(route) ? tokens.read(route, token) : null),
    async deliver(route, { accountUuid, batchUuid, index, attempt }, body) {
      const hint = readers.get(route)?.(body) ?? null;
      if (hint === null) return;
      await db.query('SELECT receive_callback($1, $2, $3, $4, $5, $6, $7)', [
        accountUuid,
        batchUuid,
        index,
        attempt,
        route,
        hint.upstreamId,
        hint.ended,
      ]);
    },
  };
}

/** A callback that a worker looks into. `ended` only wakes the poll; the others are questions to the upstream. */
export interface TakenCallback extends AttemptKey {
  readonly route: string;
  readonly upstreamId: string;
  /** How often it was looked into before. */
  readonly tries: number;
  readonly kind: 'ended' | 'open' | 'past';
}

export type Confirmation = AttemptKey & { readonly upstreamId: string };
export type ConfirmAnswer = 'running' | 'late' | 'taken' | 'nothing';

/** What the worker does with callbacks: one method per SQL function. */
export interface CallbackStore {
  /** An unconfirmed one comes again after `againMs`, doubled with every try. */
  take(workerId: string, routes: readonly string[], limit: number, againMs: number): Promise<TakenCallback[]>;
  confirm(confirmations: readonly Confirmation[]): Promise<ConfirmAnswer[]>;
  drop(callbacks: readonly Confirmation[]): Promise<void>;
  /** For each attempt the id that is known by now of a submission that has not ended, or null. */
  confirmedIds(attempts: readonly AttemptKey[]): Promise<(string | null)[]>;
}

function keyColumns(attempts: readonly AttemptKey[]): (string | number)[][] {
  return [
    attempts.map(({ accountUuid }) => accountUuid),
    attempts.map(({ batchUuid }) => batchUuid),
    attempts.map(({ index }) => index),
    attempts.map(({ attempt }) => attempt),
  ];
}

function columns(confirmations: readonly Confirmation[]): (string | number)[][] {
  return [...keyColumns(confirmations), confirmations.map(({ upstreamId }) => upstreamId)];
}

export function createCallbackStore(db: Database): CallbackStore {
  return {
    take: (workerId, routes, limit, againMs) =>
      db.query<TakenCallback>(
        `SELECT account_id AS "accountUuid", batch_id AS "batchUuid", task_index AS index, attempt, route,
           upstream_id AS "upstreamId", tries, kind
         FROM take_callbacks($1, $2::text[], $3, $4)`,
        [workerId, routes, limit, againMs],
      ),
    async confirm(confirmations) {
      const rows = await db.query<{ ord: number; answer: ConfirmAnswer }>(
        'SELECT * FROM confirm_submissions($1::uuid[], $2::uuid[], $3::int[], $4::int[], $5::text[])',
        columns(confirmations),
      );
      const byOrdinal = new Map(rows.map(({ ord, answer }) => [ord, answer]));
      return confirmations.map((_, at) => byOrdinal.get(at + 1) ?? 'nothing');
    },
    async drop(callbacks) {
      await db.query(
        'SELECT drop_callbacks($1::uuid[], $2::uuid[], $3::int[], $4::int[], $5::text[])',
        columns(callbacks),
      );
    },
    async confirmedIds(attempts) {
      const rows = await db.query<{ ord: number; upstream_id: string }>(
        `SELECT i.ord, t.upstream_id
         FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::int[])
           WITH ORDINALITY AS i(account_id, batch_id, task_index, attempt, ord)
         JOIN tasks t ON t.account_id = i.account_id AND t.batch_id = i.batch_id AND t.task_index = i.task_index
         WHERE t.attempt = i.attempt AND t.upstream_id IS NOT NULL AND t.state IN ('running', 'unknown')`,
        keyColumns(attempts),
      );
      const byOrdinal = new Map(rows.map(({ ord, upstream_id: upstreamId }) => [ord, upstreamId]));
      return attempts.map((_, at) => byOrdinal.get(at + 1) ?? null);
    },
  };
}
