/**
 * Duels of statements. Rivals call what workers call, through the worker's own store and without the waiting in between: one
 * call stands still somewhere inside itself with its locks in hand, another is made that wants the same rows, and the first
 * goes on. So every pair of calls meets at every point, where whole workers would hardly ever meet at one. Each call carries
 * tasks of several accounts in any order, and some come from a rival whose leases are not its own any more.
 */
import type { Database } from '../../server/src/db/index.ts';
import { createTaskStore, type TaskStore } from '../../server/src/worker/store/task-store.ts';
import type { Dice } from './dice.ts';
import type { SimulatedProcess } from './process.ts';
import { ROUTES, type World } from './world.ts';

type Task = Awaited<ReturnType<TaskStore['load']>>[number];

interface Rival {
  readonly workerId: string;
  readonly process: SimulatedProcess;
  readonly db: Database;
  readonly store: TaskStore;
  /** What it believes to hold. */
  readonly held: Map<string, Task>;
}

const RIVALS = 3;
const DUELS = 30;
/** Later than the first call is sent, and before it goes on. */
const SECOND_AFTER_MS = 20;
const STANDS_FOR_MS = 60;
const LATEST_POINT = 10;
const FEW = 3;

/** The call that stands still, and what is called meanwhile. */
const PAIRS = [
  ['settle', 'settle'],
  ['settle', 'settle'],
  ['settle', 'take over'],
  ['settle', 'take over'],
  ['settle', 'start'],
  ['start', 'settle'],
  ['start', 'cancel'],
  ['start', 'pause'],
  ['start', 'start'],
  ['cancel', 'settle'],
  ['cancel', 'settle'],
  ['cancel', 'begin'],
  ['begin', 'cancel'],
  ['pause', 'settle'],
  ['resume', 'settle'],
  ['claim', 'claim'],
  ['claim', 'cancel'],
  ['take over', 'renew'],
  ['take over', 'renew'],
  ['take over', 'settle'],
  ['take over', 'take over'],
  ['begin', 'take over'],
  ['record', 'take over'],
  ['unknown outcome', 'take over'],
  ['requeue', 'take over'],
  ['requeue', 'settle'],
  ['give back', 'claim'],
] as const;
type Act = (typeof PAIRS)[number][0 | 1];
/** What only leases that ran out give anything to do. */
const OF_LOST_LEASES: readonly Act[] = ['take over', 'renew'];

export class Clash {
  readonly #world: World;
  readonly #dice: Dice;
  readonly #rivals: Rival[] = [];
  #submissions = 0;
  /** The batch that this duel is about, where there is one of which the second rival holds something. */
  #focus: Task | null = null;
  isOver = false;

  constructor(world: World, dice: Dice) {
    this.#world = world;
    this.#dice = dice;
    for (let n = 0; n < RIVALS; n += 1) {
      const process = world.process('rival', false);
      const workerId = process.random.uuid();
      process.workerId = workerId;
      // A store does not look at the disk; the calls of a worker that has are what is tried here.
      process.hasRoom = true;
      const db = world.databaseOf(process);
      this.#rivals.push({ workerId, process, db, store: createTaskStore(db, process.clock), held: new Map() });
    }
  }

  async run(): Promise<void> {
    const [first] = this.#rivals;
    for (const route of ROUTES) await first?.store.configureRoute(route, this.#world.settings.routeLimits[route] ?? 1);
    for (let duels = 0; duels < DUELS; duels += 1) {
      for (const rival of this.#rivals) await this.#prepare(rival);
      await this.#duel();
    }
    this.isOver = true;
  }

  /** It holds something of both accounts, some of it sent. */
  async #prepare(rival: Rival): Promise<void> {
    if (this.#some(rival, ({ state }) => state === 'queued').length < FEW) await this.#try(rival, 'claim');
    if (this.#some(rival, ({ state }) => state !== 'queued').length < FEW) await this.#try(rival, 'begin');
    if (this.#dice.chance(0.3)) await this.#try(rival, 'record');
  }

  async #duel(): Promise<void> {
    const [one, other] = this.#dice.shuffled(this.#rivals);
    if (one === undefined || other === undefined) return;
    const [first, second] = this.#dice.pick(PAIRS);
    const sent = [...other.held.values()].filter(({ state }) => state !== 'queued');
    this.#focus = sent.length > 0 ? this.#dice.pick(sent) : null;
    // Like leases that run out: whoever is voided does not know it yet.
    const loser = first === 'take over' ? other : one;
    if (OF_LOST_LEASES.includes(first) || OF_LOST_LEASES.includes(second) || this.#dice.chance(0.1))
      await loser.store.voidLeases(loser.workerId);
    one.process.standsNext = {
      point: this.#dice.integer(1, this.#dice.chance(0.5) ? 4 : LATEST_POINT),
      ms: STANDS_FOR_MS,
    };
    const under = this.#try(one, first);
    await other.process.clock.sleep(SECOND_AFTER_MS);
    await this.#try(other, second);
    await under;
    one.process.standsNext = null;
  }

  /** It waited too long for a lock, or what it holds is nobody's any more: it goes on with something else. */
  async #try(rival: Rival, act: Act): Promise<void> {
    await this.#act(rival, act).catch(() => undefined);
  }

  async #act(rival: Rival, act: Act): Promise<void> {
    const { store, workerId } = rival;
    const { leaseMs } = this.#world.settings;
    const queued = this.#some(rival, ({ state }) => state === 'queued');
    const sent = this.#some(rival, ({ state }) => state !== 'queued');
    switch (act) {
      case 'claim':
        return this.#hold(
          rival,
          await store.claim(workerId, this.#dice.pick(ROUTES), this.#dice.integer(2, 6), leaseMs),
        );
      case 'take over':
        return this.#hold(rival, await store.takeOver(workerId, leaseMs, 20, ROUTES));
      case 'start': {
        const unstarted = this.#dice.shuffled([...rival.held.values()].filter(({ isBatchQueued }) => isBatchQueued));
        if (unstarted.length > 0) await store.startBatches(unstarted);
        return;
      }
      case 'begin':
        return this.#begin(rival, queued);
      case 'record':
        return this.#record(rival, sent);
      case 'unknown outcome': {
        const submitting = sent.filter(({ state }) => state === 'submitting');
        if (submitting.length > 0)
          await store.markUnknown(submitting.map((task) => ({ task, detail: 'no answer (simulated)' })));
        return;
      }
      case 'settle':
        return this.#settle(rival, sent);
      case 'requeue':
        return this.#requeue(rival, sent, true);
      case 'give back':
        return this.#requeue(rival, queued, false);
      case 'renew':
        await store.renew(workerId, leaseMs);
        return;
      case 'cancel':
        return this.#control(rival, `SELECT close_batch($1, $2, 'canceled')`);
      case 'pause':
        return this.#control(rival, `SELECT pause_batch($1, $2, 'requested')`);
      case 'resume':
        return this.#control(rival, 'SELECT resume_batch($1, $2)');
    }
  }

  /** What a customer does to a batch that is being worked on. */
  async #control({ db }: Rival, sql: string): Promise<void> {
    if (this.#focus === null) return;
    await db.query(sql, [this.#focus.accountUuid, this.#focus.batchUuid]);
  }

  /** Some of its tasks, of either account where it has them, in any order. */
  #some({ held }: Rival, isWanted: (task: Task) => boolean): Task[] {
    const wanted = this.#dice.shuffled([...held.values()].filter(isWanted));
    const [focused, others] = [true, false].map((isFocused) =>
      wanted.filter(({ batchUuid }) => (batchUuid === this.#focus?.batchUuid) === isFocused),
    );
    const byAccount = Map.groupBy([...(focused ?? []), ...(others ?? [])], ({ accountUuid }) => accountUuid);
    const chosen = [...byAccount.values()].flatMap((tasks) => tasks.slice(0, this.#dice.pick([1, 1, 2])));
    return this.#dice.shuffled(chosen);
  }

  async #hold(rival: Rival, leases: Awaited<ReturnType<TaskStore['claim']>>): Promise<void> {
    if (leases.length === 0) return;
    for (const task of await rival.store.load(leases)) rival.held.set(nameOf(task), task);
  }

  async #begin({ store, held }: Rival, tasks: readonly Task[]): Promise<void> {
    if (tasks.length === 0) return;
    const begun = await store.beginAttempts(tasks);
    tasks.forEach((task, at) => {
      if (begun[at] === true) held.set(nameOf(task), { ...task, state: 'submitting', attempt: task.attempt + 1 });
      else held.delete(nameOf(task));
    });
  }

  /** The upstream does not know these ids: whoever has the tasks in the end finds that out. */
  async #record({ store, held }: Rival, tasks: readonly Task[]): Promise<void> {
    const submissions = tasks
      .filter(({ state }) => state === 'submitting')
      .map((task) => ({ task, upstreamId: `nowhere-${(this.#submissions += 1)}` }));
    if (submissions.length === 0) return;
    const won = await store.recordSubmissions(submissions);
    submissions.forEach(({ task, upstreamId }, at) => {
      if (won[at] === true) held.set(nameOf(task), { ...task, state: 'running', upstreamId });
    });
  }

  async #settle({ store, held }: Rival, tasks: readonly Task[]): Promise<void> {
    if (tasks.length === 0) return;
    const type = this.#dice.pick(['provider_error', 'moderation_input'] as const);
    await store.settle(tasks.map((task) => ({ task, outcome: { kind: 'failed', type, detail: 'simulated' } })));
    for (const task of tasks) held.delete(nameOf(task));
  }

  async #requeue({ store, held }: Rival, tasks: readonly Task[], wasSent: boolean): Promise<void> {
    if (tasks.length === 0) return;
    const failure = wasSent
      ? ({ type: 'provider_error', detail: 'simulated', counted: true, possibleDuplicate: false } as const)
      : null;
    await store.requeue(tasks.map((task) => ({ task, failure, delayMs: this.#dice.integer(0, 300) })));
    for (const task of tasks) held.delete(nameOf(task));
  }
}

function nameOf({ batchUuid, index, fence }: Task): string {
  return `${batchUuid}/${index}/${fence}`;
}
