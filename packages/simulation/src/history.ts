/** One whole history from a seed: what happens in it, until everything is final, and what must then be true. */
import type { AccountUuid } from '@rushes/contract';
import { createAccount } from '../../server/src/accounts/index.ts';
import { issueCredits } from '../../server/src/ledger/index.ts';
import { Clash } from './clash.ts';
import { Customers, type Order } from './customer.ts';
import { Dice } from './dice.ts';
import { drawKind, LATEST_ORDER_MS, moodOf, TASKS, type HistoryKind } from './history-kind.ts';
import { checkInvariants } from './invariants.ts';
import { emptyDatabase } from './settable-database.ts';
import { WorkerFleet } from './worker-fleet.ts';
import { drawSettings, World, type SimulationDatabase } from './world.ts';

export interface HistoryReport {
  readonly seed: number;
  readonly kind: HistoryKind;
  readonly steps: number;
  readonly virtualMs: number;
  readonly tasks: number;
  readonly generations: number;
  /** The same for two runs of a seed, step by step. */
  readonly digest: string;
  readonly violations: readonly string[];
  /** The last steps, when something was violated or they were asked for. */
  readonly tail: readonly string[];
  /** How often each fault struck at each named point. */
  readonly struck: ReadonlyMap<string, number>;
}

const PRICE = 49;
/** Nothing may take longer than this once nothing fails any more: it is past every timeout, backoff and lease. */
const LONGEST_END_MS = 2 * 3_600_000;
/** A process of the API that is stopped may pause a batch long after the customer has given up: no call is later than this. */
const LATEST_WISH_MS = 300_000;
const MOST_STEPS = 25_000;
/** Asking the database after every step would cost as much as the steps. */
const LOOK_EVERY_STEPS = 20;
const TAIL_LINES = 300;
export interface HistoryOptions {
  /** Return the last steps also of a history in which nothing was violated. */
  readonly keepTail?: boolean;
}

export async function runHistory(
  database: SimulationDatabase,
  seed: number,
  { keepTail = false }: HistoryOptions = {},
): Promise<HistoryReport> {
  const dice = new Dice(`history ${seed}`);
  const kind = drawKind(dice);
  const world = new World(database, dice, moodOf(kind, dice), drawSettings(dice, kind));
  await emptyDatabase(world.control);
  // Away from zero, so that the clock can be set back.
  world.sessions.clockOffsetMs = 60_000;
  const history = new History(world, dice.fork('plot'), kind);
  await history.run(kind);
  const { scheduler, provider, violations } = world;
  return {
    seed,
    kind,
    steps: scheduler.trace.steps,
    virtualMs: scheduler.nowMs,
    tasks: history.tasks,
    generations: provider.audit.length,
    digest: scheduler.trace.digest(),
    violations: [...new Set(violations)],
    tail: violations.length === 0 && !keepTail ? [] : scheduler.trace.tail(keepTail ? Infinity : TAIL_LINES),
    struck: world.chaos.struck,
  };
}

class History {
  readonly #world: World;
  readonly #dice: Dice;
  readonly #customers: Customers;
  readonly #fleet: WorkerFleet;
  readonly #accounts: AccountUuid[] = [];
  #orders: readonly Order[] = [];
  #looks = 0;
  #isClosing = false;
  #hasStopped = false;
  tasks = 0;

  constructor(world: World, dice: Dice, kind: HistoryKind) {
    this.#world = world;
    this.#dice = dice;
    this.#customers = new Customers(world, dice.fork('customers'));
    world.onCallback = (callback) => this.#customers.begin(() => this.#customers.callBack(callback));
    this.#fleet = new WorkerFleet(world, dice.fork('fleet'), kind !== 'ordinary');
  }

  async run(kind: HistoryKind): Promise<void> {
    const { scheduler, chaos } = this.#world;
    this.#world.sessions.syncClock();
    await this.#openAccounts(kind);
    this.#orders = this.#plan(kind);
    for (const order of this.#orders) this.#place(order, kind);
    const workers = kind === 'clash' ? 0 : kind === 'crowd' ? 3 : this.#dice.integer(2, 3);
    for (let n = 0; n < workers; n += 1) this.#fleet.startLater(this.#dice.integer(0, 4_000));

    if (kind === 'poisoned') await this.#whilePoisoned();
    else if (kind === 'clash') await this.#clash();
    else {
      if (kind === 'ordinary') this.#disturb();
      if (kind === 'crowd') this.#interrupt();
      await scheduler.run(() => this.#looksFinal(), {
        untilMs: this.#dice.integer(25_000, 75_000),
        maxSteps: MOST_STEPS,
      });
    }

    chaos.calm();
    this.#world.disk.isFull = false;
    this.#fleet.close();
    const bounds = { untilMs: scheduler.nowMs + LONGEST_END_MS, maxSteps: MOST_STEPS };
    this.#isClosing = true;
    await scheduler.run(() => this.#customers.busy.size === 0, bounds);
    this.#resumeAll();
    let end = await scheduler.run(() => this.#looksFinal(), { ...bounds, untilMs: scheduler.nowMs + LATEST_WISH_MS });
    if (end === 'time') {
      this.#resumeAll();
      end = await scheduler.run(() => this.#looksFinal(), bounds);
    }
    if (end !== 'done') this.#world.violated('not everything becomes final', end);
    await this.#stopWorkers();
    await checkInvariants(this.#world, this.#customers.answered);
  }

  #resumeAll(): void {
    for (const { accountUuid, requestId } of this.#orders)
      this.#customers.begin(() => this.#customers.control(accountUuid, requestId, 'resume'));
  }

  /** Before the first step: straight into the database. */
  async #openAccounts(kind: HistoryKind): Promise<void> {
    const { control, settings } = this.#world;
    const opener = this.#world.process('opener', false);
    for (const [n, drawnLimit] of settings.accountLimits.entries()) {
      const name = `account ${n}`;
      // What cannot be settled keeps its slots; with more of them it would have every slot of a route this small.
      const limit = kind === 'poisoned' && n === 0 ? 1 : drawnLimit;
      const accountUuid = await createAccount(control, opener.random, { name, plan: 'growth', mode: 'test' });
      const limits = { max_concurrent_tasks: limit, weight: this.#dice.integer(1, 4) };
      await control.query('UPDATE accounts SET limits = limits || $2::jsonb WHERE account_id = $1', [
        accountUuid,
        JSON.stringify(limits),
      ]);
      const amount = PRICE * this.#dice.integer(kind === 'ordinary' || kind === 'comeback' ? 5 : 100, 100);
      await issueCredits(control, { accountUuid, kind: 'purchase', amount, reason: 'simulated', reference: 'first' });
      this.#accounts.push(accountUuid);
    }
    if (kind === 'poisoned')
      await control.query('INSERT INTO simulation_poison VALUES ($1)', [this.#accounts[0] ?? '']);
  }

  #plan(kind: HistoryKind): Order[] {
    const orders: Order[] = [];
    const [least, greatest] = TASKS[kind];
    const most = this.#dice.integer(least, greatest);
    while (this.tasks < most) {
      const tasks = this.#dice.integer(1, kind === 'crowd' ? 5 : kind === 'clash' ? 6 : 8);
      const accountUuid = this.#accounts[orders.length % this.#accounts.length];
      if (accountUuid === undefined) throw new Error('a history is planned before its accounts are open');
      orders.push({
        accountUuid,
        requestId: `request ${orders.length}`,
        model: this.#dice.pick(['sora-2', 'sora-2', 'veo-pro']),
        tasks,
        deadlineHours: kind !== 'poisoned' && this.#dice.chance(0.2) ? this.#dice.integer(10, 60) / 3_600 : 168,
      });
      this.tasks += tasks;
    }
    return orders;
  }

  /** Something that happens at a time, unless everything is being brought to its end by then. */
  #at(ms: number, name: string, act: () => void): void {
    this.#world.scheduler.add({
      name,
      dueMs: ms,
      perform: () => {
        if (!this.#isClosing) act();
        return '';
      },
    });
  }

  /** Sends an order, perhaps twice at once, and perhaps changes its mind later. */
  #place(order: Order, kind: HistoryKind): void {
    const { accountUuid, requestId } = order;
    const customers = this.#customers;
    const atMs = this.#dice.integer(0, LATEST_ORDER_MS[kind]);
    const create = (): void => customers.begin(() => customers.create(order));
    this.#at(atMs, `customer orders ${requestId}`, create);
    if (kind === 'poisoned' || kind === 'clash') return;
    if (this.#dice.chance(0.3))
      this.#at(atMs + this.#dice.integer(0, 10), `customer orders ${requestId} again`, create);
    const wishes = this.#dice
      .shuffled(['cancel', 'pause', 'resume'] as const)
      .slice(0, this.#dice.pick([0, 0, 1, 1, 2]));
    for (const wish of wishes) {
      const wishMs = atMs + this.#dice.integer(5, kind === 'crowd' ? 3_000 : 30_000);
      this.#at(wishMs, `customer wishes ${wish} of ${requestId}`, () =>
        customers.begin(() => customers.control(accountUuid, requestId, wish)),
      );
    }
  }

  /** The database is away, while generations end. When it is back, every worker has outcomes of all accounts to settle. */
  #interrupt(): void {
    for (let atMs = 2_000; atMs < 20_000; atMs += this.#dice.integer(3_000, 6_000)) {
      const forMs = this.#dice.integer(1_000, 2_500);
      this.#at(atMs, `the database is away for ${forMs} ms`, () => (this.#world.databaseAwayUntilMs = atMs + forMs));
    }
  }

  /** What happens around the batches: money comes and goes, disks fill up, clocks jump. */
  #disturb(): void {
    const { chaos, sessions, disk } = this.#world;
    const customers = this.#customers;
    for (const [n, account] of this.#accounts.entries()) {
      if (this.#dice.chance(0.4)) {
        const atMs = this.#dice.integer(0, 60_000);
        this.#at(atMs, 'operator grants', () => customers.begin(() => customers.grant(account, `grant ${n}`, 500)));
      }
      if (this.#dice.chance(0.3)) {
        const atMs = this.#dice.integer(0, 40_000);
        this.#at(atMs, 'operator revokes', () => customers.begin(() => customers.revoke(account, `revoke ${n}`, 700)));
      }
      if (this.#dice.chance(0.4)) {
        const atMs = this.#dice.integer(10_000, 50_000);
        this.#at(atMs, 'operator reverses', () => customers.begin(() => customers.reverse(account, `reverse ${n}`)));
      }
    }
    if (chaos.mood.storageFails > 0 && this.#dice.chance(0.3)) {
      const atMs = this.#dice.integer(0, 60_000);
      this.#at(atMs, 'the disk is full', () => (disk.isFull = true));
      this.#at(atMs + this.#dice.integer(2_000, 40_000), 'the disk has room', () => (disk.isFull = false));
    }
    if (chaos.mood.clockJump === 0) return;
    for (let jumps = this.#dice.integer(0, 3); jumps > 0; jumps -= 1) {
      const ms = this.#dice.chance(0.4) ? -this.#dice.integer(1, 10_000) : this.#dice.integer(1, 60_000);
      this.#at(this.#dice.integer(0, 50_000), `the database's clock jumps by ${ms} ms`, () => {
        // What stands inside a statement has read the clock already: `simulation_truth` compares with the same one.
        if (!sessions.isBusy) sessions.clockOffsetMs = Math.max(0, sessions.clockOffsetMs + ms);
      });
      this.#at(this.#dice.integer(0, 50_000), "a worker's clock jumps", () => this.#fleet.jumpClock());
    }
  }

  /** Duels over batches that are all there; the worker at the end finds what they have left. */
  async #clash(): Promise<void> {
    const { scheduler } = this.#world;
    await scheduler.run(() => false, { untilMs: LATEST_ORDER_MS.clash + 100, maxSteps: MOST_STEPS });
    const clash = new Clash(this.#world, this.#dice.fork('clash'));
    void clash.run();
    const end = await scheduler.run(() => clash.isOver, {
      untilMs: scheduler.nowMs + LONGEST_END_MS,
      maxSteps: MOST_STEPS,
    });
    if (end !== 'done') this.#world.violated('a call is never answered', end);
  }

  /** The healthy accounts' work ends while one account's cannot; then that one is repaired. */
  async #whilePoisoned(): Promise<void> {
    const { scheduler, control } = this.#world;
    const poisoned = this.#accounts[0] ?? '';
    const end = await scheduler.run(() => this.#looksFinal(poisoned), { untilMs: 600_000, maxSteps: MOST_STEPS });
    if (end !== 'done') this.#world.violated('a poisoned account holds up the others', end);
    await control.query('DELETE FROM simulation_poison');
  }

  async #looksFinal(exceptAccount: string | null = null): Promise<boolean> {
    this.#looks += 1;
    if (this.#looks % LOOK_EVERY_STEPS !== 0 || this.#customers.busy.size > 0) return false;
    if (this.#world.scheduler.nowMs < 15_000) return false;
    const [open] = await this.#world.control.query<{ tasks: number }>(
      `SELECT count(*) AS tasks FROM tasks WHERE resolution IS NULL AND ($1::uuid IS NULL OR account_id <> $1::uuid)`,
      [exceptAccount],
    );
    return open?.tasks === 0;
  }

  async #stopWorkers(): Promise<void> {
    const { scheduler } = this.#world;
    void this.#fleet.stopAll().then(() => (this.#hasStopped = true));
    const end = await scheduler.run(() => this.#hasStopped, {
      untilMs: scheduler.nowMs + LONGEST_END_MS,
      maxSteps: MOST_STEPS,
    });
    if (end !== 'done') this.#world.violated('a worker does not stop', end);
    // What dead processes left behind in the database ends by itself; the next history needs the connections.
    const { sessions } = this.#world;
    const rest = await scheduler.run(() => sessions.isIdle, {
      untilMs: scheduler.nowMs + LONGEST_END_MS,
      maxSteps: MOST_STEPS,
    });
    if (rest !== 'done') throw new Error(`connections are still in use at the end: ${rest}`);
  }
}
