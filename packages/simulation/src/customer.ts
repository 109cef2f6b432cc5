/** What customers and operators do in a history, through processes of the API that may die under their requests. */
import { DEFAULT_TERMS, batchIds, type AccountUuid } from '@rushes/contract';
import {
  createBatchService,
  parseSubmission,
  type BatchService,
  type Submission,
} from '../../server/src/batches/index.ts';
import type { BatchCaller } from '../../server/src/batches/account-check.ts';
import type { Database } from '../../server/src/db/index.ts';
import { createCallbackInbox, type CallbackInbox } from '../../server/src/generations/index.ts';
import { issueCredits, reverseEntry, revokeCredits } from '../../server/src/ledger/index.ts';
import type { Outcome } from '../../server/src/outcome/index.ts';
import type { Dice } from './dice.ts';
import type { SimulatedProcess } from './process.ts';
import { bodyOf, readCallback, type PostedCallback } from './simulated-callbacks.ts';
import { ROUTES, type World } from './world.ts';

export interface Order {
  readonly accountUuid: AccountUuid;
  readonly requestId: string;
  readonly model: string;
  readonly tasks: number;
  readonly deadlineHours: number;
}

/** A client gives up on an answer after this and asks again. */
const PATIENCE_MS = 30_000;
const MOST_TRIES = 8;

/** What one process of the API is asked through. */
interface Server {
  readonly process: SimulatedProcess;
  readonly service: BatchService;
  readonly db: Database;
  readonly inbox: CallbackInbox;
}

export class Customers {
  readonly #world: World;
  readonly #dice: Dice;
  readonly #client: SimulatedProcess;
  #api: Server | null = null;
  /** Batches that a request_id was answered with: never two. */
  readonly answered = new Map<string, Set<string>>();
  /** Requests under way. */
  readonly busy = new Set<Promise<void>>();

  constructor(world: World, dice: Dice) {
    this.#world = world;
    this.#dice = dice;
    this.#client = world.process('client', false);
  }

  /** The API as it runs now; a new process when the last one died. */
  #server(): Server {
    if (this.#api?.process.isGone === false) return this.#api;
    const process = this.#world.process('api', true);
    const db = this.#world.databaseOf(process);
    const service = createBatchService({
      db,
      random: process.random,
      routeFor: (model) => (model === 'sora-2' ? ROUTES[0] : ROUTES[1]),
      modelTimeoutMs: () => this.#world.settings.timeoutMs,
    });
    const inbox = createCallbackInbox({
      db,
      tokens: this.#world.tokens,
      readers: new Map(ROUTES.map((route) => [route, readCallback])),
    });
    this.#api = { process, service, db, inbox };
    return this.#api;
  }

  /** One request; null when there was no answer to it. */
  async #askOnce<T>(ask: (server: Server) => Promise<T>): Promise<{ readonly value: T } | null> {
    const patience = new AbortController();
    const answer = await Promise.race([
      ask(this.#server()).then(
        (value) => ({ value }),
        () => null,
      ),
      this.#client.clock.sleep(PATIENCE_MS, patience.signal).then(
        () => null,
        () => null,
      ),
    ]);
    patience.abort();
    return answer;
  }

  /** Asks until there is an answer; null when none ever came. */
  async #ask<T>(ask: (server: Server) => Promise<T>): Promise<T | null> {
    for (let tries = 1; tries <= MOST_TRIES; tries += 1) {
      const answer = await this.#askOnce(ask);
      if (answer !== null) return answer.value;
      await this.#client.clock.sleep(this.#dice.integer(10, 3_000));
    }
    return null;
  }

  /** Does something of the below in the background. */
  begin(work: () => Promise<void>): void {
    const running: Promise<void> = work().finally(() => this.busy.delete(running));
    this.busy.add(running);
  }

  /** Creates a batch, with the same request again after each answer that is missing or says to come again. */
  async create(order: Order): Promise<void> {
    const submission = submissionOf(order);
    const caller = callerOf(order.accountUuid);
    for (let tries = 1; tries <= MOST_TRIES; tries += 1) {
      const answer = await this.#ask(({ service }) => service.create(caller, submission));
      if (answer?.ok === true) {
        this.#note(order.requestId, answer.value.batch.id);
        return;
      }
      if (answer !== null && answer.refusal.code !== 'unavailable') return;
    }
  }

  #note(requestId: string, batchId: string): void {
    const batches = this.answered.get(requestId) ?? new Set<string>();
    batches.add(batchId);
    this.answered.set(requestId, batches);
  }

  async control(accountUuid: AccountUuid, requestId: string, wish: 'cancel' | 'pause' | 'resume'): Promise<void> {
    const [batchId] = this.answered.get(requestId) ?? [];
    const batchUuid = batchId === undefined ? null : batchIds.parse(batchId);
    if (batchUuid === null) return;
    const caller = callerOf(accountUuid);
    for (let tries = 1; tries <= MOST_TRIES; tries += 1) {
      const answer = await this.#ask<Outcome<unknown>>(({ service }) => {
        if (wish === 'cancel') return service.cancel(caller, batchUuid, { preview: false });
        return service[wish](caller, batchUuid);
      });
      if (answer?.ok !== false || answer.refusal.code !== 'unavailable') return;
      await this.#client.clock.sleep(this.#dice.integer(10, 3_000));
    }
  }

  async grant(accountUuid: AccountUuid, reference: string, amount: number): Promise<void> {
    await this.#ask(({ db }) =>
      issueCredits(db, { accountUuid, kind: 'grant', amount, reason: 'simulated', reference }),
    );
  }

  async revoke(accountUuid: AccountUuid, reference: string, amount: number): Promise<void> {
    await this.#ask(({ db }) => revokeCredits(db, { accountUuid, amount, reason: 'simulated', reference }));
  }

  /** What an upstream posts, once: it does not try again. */
  async callBack(callback: PostedCallback): Promise<void> {
    await this.#askOnce(async ({ inbox }) => {
      const key = inbox.find(callback.route, callback.token);
      if (key !== null) await inbox.deliver(callback.route, key, bodyOf(callback));
    });
  }

  /** Takes back the first charge or forfeit that there is, in part. */
  async reverse(accountUuid: AccountUuid, reference: string): Promise<void> {
    await this.#ask(async ({ db }) => {
      const [entry] = await db.query<{ seq: number }>(
        `SELECT seq FROM credit_ledger WHERE account_id = $1 AND kind IN ('charge', 'forfeit') ORDER BY seq LIMIT 1`,
        [accountUuid],
      );
      if (entry === undefined) return;
      await reverseEntry(db, { accountUuid, seq: entry.seq, amount: 20, reason: 'simulated', reference });
    });
  }
}

function callerOf(accountUuid: AccountUuid): BatchCaller {
  return { accountUuid, mode: 'test', terms: DEFAULT_TERMS };
}

/** The API takes ten items at least; a history is short because its batches are smaller. */
function submissionOf({ requestId, model, tasks, deadlineHours }: Order): Submission {
  const items = Array.from({ length: Math.max(10, tasks) }, (_, index) => ({ prompt: `${requestId} ${index}` }));
  const body = Buffer.from(JSON.stringify({ request_id: requestId, model, items }));
  const parsed = parseSubmission({ contentType: 'application/json', body, query: new Map() }, 'create');
  if (!parsed.ok) throw new Error(parsed.refusal.detail);
  return { ...parsed.value, items: parsed.value.items.slice(0, tasks), deadlineHours };
}
