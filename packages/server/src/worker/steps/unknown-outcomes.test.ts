/** Submissions of which nobody knows whether they were taken: found by their token, by a callback, or sent again. */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AccountUuid, BatchUuid } from '@rushes/contract';
import {
  createAttemptTokens,
  createCallbackInbox,
  createCallbackStore,
  EVERYTHING,
  reportPage,
  type CallbackInbox,
  type Confirmation,
  type ReportedGeneration,
} from '../../generations/index.ts';
import type { Database } from '../../db/index.ts';
import { systemClock } from '../../system/index.ts';
import { callbackReaders } from '../../routes/upstream-routes.ts';
import { createSimulatorUpstream, type Upstream } from '../../upstreams/index.ts';
import type { Route } from '../index.ts';
import {
  createBatch,
  ended,
  openAccount,
  openWorkerWorld,
  prompts,
  taskRows,
  timesGenerated,
  violations,
  type TestBatch,
  type WorkerWorld,
} from '../../../testing/worker/worker-world.ts';

const WAIT = { timeout: 15_000, interval: 10 };
const FOR_EVER_MS = 600_000;

let world: WorkerWorld;
const tokens = createAttemptTokens(new Uint8Array(32));
const tokenFor = (
  { route, ...task }: { accountUuid: AccountUuid; batchUuid: BatchUuid; index: number; route: string },
  attempt: number,
): string => tokens.tokenFor(route, { ...task, attempt });
const closers: (() => Promise<void>)[] = [];

beforeEach(async () => {
  world = await openWorkerWorld();
});
afterEach(async () => {
  await world.close();
  for (const close of closers.splice(0)) await close();
});

function inbox(): CallbackInbox {
  // Another process than the worker's: they share the database and nothing else.
  return createCallbackInbox({ db: world.openDatabase(2), tokens, readers: callbackReaders() });
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** A route whose upstream calls back to a server of ours; what comes is changed by `forge` when given. */
async function calledBackRoute(change: Partial<Route> = {}, forge?: (body: Buffer) => Buffer): Promise<Route> {
  const { find, deliver } = inbox();
  const server = createServer((request, response) => {
    const [, route = '', token = ''] = (request.url ?? '').split('/').slice(1);
    const key = find(route, token);
    void bodyOf(request)
      .then((body) => (key === null ? undefined : deliver(route, key, forge === undefined ? body : forge(body))))
      .then(() => response.end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => new Promise((resolve) => server.close(() => resolve())));
  const { port } = server.address() as AddressInfo;
  return world.route({
    unknownWaitMs: FOR_EVER_MS,
    callbackUrl: (token) => `http://127.0.0.1:${port}/callbacks/simulator/${token}`,
    ...change,
  });
}

function lookedUp(change: Partial<Upstream> = {}): Upstream {
  const { url: baseUrl } = world.simulator;
  const options = { name: 'simulator', baseUrl, apiKey: 'test', http: world.http, clock: systemClock };
  return { ...createSimulatorUpstream(options), ...change };
}

async function report(batch: TestBatch): Promise<readonly ReportedGeneration[]> {
  return (await reportPage(world.db, { ...EVERYTHING, batchUuid: batch.batchUuid }, null, 1_000)).rows;
}

/** Which generation belongs to which first attempt, as only the simulator knows. */
async function truth(batch: TestBatch): Promise<Confirmation[]> {
  const response = await fetch(`${world.simulator.url}/_sim/generations`);
  const { data } = (await response.json()) as { data: { id: string; prompt: string }[] };
  const tasks = await world.db.query<{ task_index: number; prompt: string }>(
    'SELECT task_index, prompt FROM tasks WHERE batch_id = $1 ORDER BY task_index',
    [batch.batchUuid],
  );
  return tasks.map(({ task_index: index, prompt }) => ({
    accountUuid: batch.caller.accountUuid,
    batchUuid: batch.batchUuid,
    index,
    attempt: 1,
    upstreamId: data.find((generation) => generation.prompt === prompt)?.id ?? '',
  }));
}

async function inState(batch: TestBatch, state: string): Promise<number> {
  return (await taskRows(world, batch)).filter((row) => row.state === state).length;
}

describe('a submission without an answer', () => {
  it('is found by the callback that another process took, and paid once', async () => {
    const batch = await createBatch(world, await openAccount(world), prompts(20, '[sim:drop]'));
    await world.startWorker({ routes: [await calledBackRoute()], tokenFor });
    expect(await ended(world, batch)).toMatchObject({ status: 'completed' });
    expect(await timesGenerated(world)).toEqual(new Set([1]));
    const rows = await report(batch);
    expect(rows.map(({ match, attempt }) => `${match} ${attempt}`)).toEqual(rows.map(() => 'matched 1'));
    expect(rows).toHaveLength(20);
    expect(await violations(world)).toEqual([]);
    expect(await world.db.query('SELECT * FROM upstream_callbacks')).toEqual([]);
  });

  it('is found by its token where the upstream can be asked, and paid once', async () => {
    const batch = await createBatch(world, await openAccount(world), prompts(20, '[sim:drop]'));
    const route = world.route({ upstream: lookedUp(), unknownWaitMs: FOR_EVER_MS });
    await world.startWorker({ routes: [route], tokenFor });
    expect(await ended(world, batch)).toMatchObject({ status: 'completed' });
    expect(await timesGenerated(world)).toEqual(new Set([1]));
    expect((await report(batch)).every(({ match }) => match === 'matched')).toBe(true);
  });

  it('that the upstream never got is sent again, and nothing is left unknown', async () => {
    const upstream = lookedUp();
    let lostOnTheWay = 10;
    const submit: Upstream['submit'] = (generation, signal) => {
      lostOnTheWay -= 1;
      if (lostOnTheWay >= 0) return Promise.resolve({ kind: 'unknown', detail: 'reset' });
      return upstream.submit(generation, signal);
    };
    const batch = await createBatch(world, await openAccount(world), prompts(10));
    const route = world.route({ upstream: { ...upstream, submit }, unknownWaitMs: FOR_EVER_MS });
    await world.startWorker({ routes: [route], tokenFor });
    expect(await ended(world, batch)).toMatchObject({ status: 'completed' });
    const rows = await report(batch);
    expect(rows.map(({ match }) => match)).toEqual(rows.map(() => 'matched'));
    // No fault of the task: none of its retries was used up.
    expect((await taskRows(world, batch)).map(({ failures }) => failures)).toEqual(Array(10).fill(0));
  });

  it('is looked up once more after its holder died, however long it has been unknown', async () => {
    const batch = await createBatch(world, await openAccount(world), prompts(10, '[sim:drop]'));
    const { lookUp: _, ...upstream } = lookedUp();
    const blind = world.route({ upstream, unknownWaitMs: FOR_EVER_MS });
    const first = await world.startWorker({ routes: [blind], tokenFor });
    await expect.poll(() => inState(batch, 'unknown'), WAIT).toBe(10);
    await first.stop();
    await world.startWorker({ routes: [world.route({ upstream: lookedUp(), unknownWaitMs: 0 })], tokenFor });
    expect(await ended(world, batch)).toMatchObject({ status: 'completed' });
    expect(await timesGenerated(world)).toEqual(new Set([1]));
  });

  it('that another process confirmed goes on in the hands of its holder', async () => {
    const batch = await createBatch(world, await openAccount(world), prompts(10, '[sim:drop]'));
    await world.startWorker({ routes: [world.route({ unknownWaitMs: FOR_EVER_MS })], tokenFor });
    await expect.poll(() => inState(batch, 'unknown'), WAIT).toBe(10);
    const confirmed = await createCallbackStore(world.openDatabase(1)).confirm(await truth(batch));
    expect(confirmed).toEqual(Array(10).fill('running'));
    expect(await ended(world, batch)).toMatchObject({ status: 'completed' });
    expect(await timesGenerated(world)).toEqual(new Set([1]));
  });

  it('whose id becomes known at the very moment at which it would be sent again is not, and goes on at once', async () => {
    const batch = await createBatch(world, await openAccount(world), prompts(10, '[sim:drop]'));
    const db = world.openDatabase();
    const confirmFirst: Database = {
      ...db,
      async query(sql, values) {
        if (sql.includes('requeue_tasks')) await createCallbackStore(db).confirm(await truth(batch));
        return db.query(sql, values);
      },
    };
    const route = world.route({ unknownWaitMs: 300 });
    // Nothing would look at a dropped task for minutes.
    await world.startWorker({ db: confirmFirst, routes: [route], tokenFor, leaseMs: 600_000 });
    expect(await ended(world, batch)).toMatchObject({ status: 'completed' });
    expect(await timesGenerated(world)).toEqual(new Set([1]));
  });

  it('that nobody can tell about is sent again after its time, as a possible duplicate', async () => {
    const cannotTell: Upstream['lookUp'] = () => Promise.resolve({ kind: 'cannot_tell', detail: 'no' });
    const batch = await createBatch(world, await openAccount(world), prompts(10, '[sim:drop]'));
    const route = world.route({ upstream: lookedUp({ lookUp: cannotTell }), unknownWaitMs: 300 });
    await world.startWorker({ routes: [route], tokenFor });
    expect(await ended(world, batch)).toMatchObject({ status: 'completed' });
    const duplicates = async () => (await report(batch)).filter(({ match }) => match === 'possible_duplicate');
    expect((await duplicates()).map(({ upstreamId }) => upstreamId)).toEqual(Array(10).fill(null));
    const known = await truth(batch);
    expect(await createCallbackStore(world.db).confirm(known)).toEqual(Array(10).fill('late'));
    expect((await duplicates()).map(({ upstreamId }) => upstreamId)).toEqual(known.map(({ upstreamId }) => upstreamId));
  });

  it('whose look-up fails by a defect is not taken for one that was never sent', async () => {
    const lookUp: Upstream['lookUp'] = () => Promise.reject(new Error('a defect'));
    const batch = await createBatch(world, await openAccount(world), prompts(10, '[sim:drop]'));
    await world.startWorker({
      routes: [world.route({ upstream: lookedUp({ lookUp }), unknownWaitMs: 100 })],
      tokenFor,
    });
    await ended(world, batch);
    expect((await report(batch)).filter(({ match }) => match === 'possible_duplicate')).toHaveLength(10);
  });

  it('is called back about after it was sent again: the report learns which generation nobody used', async () => {
    const route = await calledBackRoute({ unknownWaitMs: 50 });
    const batch = await createBatch(world, await openAccount(world), prompts(10, '[sim:drop][sim:delay=1500ms]'));
    await world.startWorker({ routes: [route], tokenFor });
    expect(await ended(world, batch)).toMatchObject({ status: 'completed' });
    const duplicates = async () => (await report(batch)).filter(({ match }) => match === 'possible_duplicate');
    await expect
      .poll(async () => (await duplicates()).filter(({ upstreamId }) => upstreamId !== null).length, WAIT)
      .toBe(10);
    expect((await duplicates()).length).toBe(10);
    expect((await taskRows(world, batch)).every(({ state }) => state === 'succeeded')).toBe(true);
    expect(await violations(world)).toEqual([]);
  });
});

describe('a callback', () => {
  const says = (upstreamId: string): Buffer =>
    Buffer.from(JSON.stringify({ id: upstreamId, status: 'succeeded', url: 'https://cdn.example/1.mp4' }));

  /** Ten tasks in quarantine, whose upstream calls nobody, and one that runs. */
  async function quarantined(routeChange: Partial<Route> = {}, workerId = randomUUID()) {
    const caller = await openAccount(world);
    const route = world.route({ unknownWaitMs: FOR_EVER_MS, ...routeChange });
    const batch = await createBatch(world, caller, [...prompts(10, '[sim:drop]'), ...prompts(1, '[sim:timeout]')]);
    const worker = await world.startWorker({ routes: [route], tokenFor, workerId });
    await expect.poll(() => inState(batch, 'unknown'), WAIT).toBe(10);
    await expect.poll(() => inState(batch, 'running'), WAIT).toBe(1);
    const running = (await taskRows(world, batch)).find((row) => row.state === 'running');
    const key = (index: number) => ({ accountUuid: caller.accountUuid, batchUuid: batch.batchUuid, index, attempt: 1 });
    return { batch, key, running, worker };
  }

  const pending = async (): Promise<number> => (await world.db.query('SELECT 1 FROM upstream_callbacks')).length;

  it("with the id of another task's generation gives it to nobody else", async () => {
    const { batch, key, running } = await quarantined();
    await inbox().deliver('simulator', key(0), says(running?.upstream_id ?? ''));
    expect(await pending()).toBe(1);
    await expect.poll(pending, WAIT).toBe(0);
    expect((await taskRows(world, batch))[0]).toMatchObject({ state: 'unknown', upstream_id: null, attempt: 1 });
  });

  it('that names one id for two submissions gives it to one of them', async () => {
    const { batch, key } = await quarantined();
    const id = (await truth(batch)).find(({ index }) => index === 5)?.upstreamId ?? '';
    await Promise.all([0, 1].map((index) => inbox().deliver('simulator', key(index), says(id))));
    await expect.poll(pending, WAIT).toBe(0);
    const holders = (await taskRows(world, batch)).filter((row) => row.upstream_id === id);
    expect(holders).toHaveLength(1);
  });

  it('with an id that the upstream does not know changes nothing', async () => {
    const { batch, key } = await quarantined();
    await inbox().deliver('simulator', key(0), says('sim-invented'));
    await expect
      .poll(
        async () => (await world.db.query<{ tries: number }>('SELECT tries FROM upstream_callbacks'))[0]?.tries,
        WAIT,
      )
      .toBe(1);
    await world.admin.query("UPDATE upstream_callbacks SET tries = 2, due_at = rushes_now() - interval '1 s'");
    await expect.poll(pending, WAIT).toBe(0);
    expect((await taskRows(world, batch))[0]).toMatchObject({ state: 'unknown', upstream_id: null });
  });

  it('waits until a poll has an answer about its id', async () => {
    const { upstream } = world.route();
    let isAway = true;
    const poll: Upstream['poll'] = (id, signal) =>
      isAway ? Promise.resolve({ kind: 'unavailable', detail: 'away' }) : upstream.poll(id, signal);
    const { batch, key } = await quarantined({ upstream: { ...upstream, poll } });
    const id = (await truth(batch)).find(({ index }) => index === 5)?.upstreamId ?? '';
    await inbox().deliver('simulator', key(5), says(id));
    const tries = async () =>
      (await world.db.query<{ tries: number }>('SELECT tries FROM upstream_callbacks'))[0]?.tries;
    await expect.poll(tries, WAIT).toBe(1);
    await world.admin.query('UPDATE upstream_callbacks SET due_at = rushes_now()');
    await expect.poll(tries, WAIT).toBe(2);
    expect((await taskRows(world, batch))[5]).toMatchObject({ state: 'unknown', upstream_id: null });
    isAway = false;
    await world.admin.query('UPDATE upstream_callbacks SET due_at = rushes_now()');
    await expect.poll(async () => (await taskRows(world, batch))[5]?.state, WAIT).toBe('succeeded');
  });

  it('about a task that somebody holds is taken by nobody else', async () => {
    const workerId = randomUUID();
    const { key, running, worker } = await quarantined({}, workerId);
    await worker.stop();
    await inbox().deliver('simulator', key(0), says('sim-1'));
    await inbox().deliver('simulator', key(10), says(running?.upstream_id ?? ''));
    const store = createCallbackStore(world.db);
    expect(await store.take(randomUUID(), ['simulator'], 10, 1_000)).toEqual([]);
    expect((await store.take(workerId, ['elsewhere'], 10, 1_000)).length).toBe(0);
    const taken = await store.take(workerId, ['simulator'], 10, 60_000);
    expect(taken.map(({ index, kind }) => `${index} ${kind}`).sort()).toEqual(['0 open', '10 ended']);
    // The one waits for its next try, the other is done with.
    expect(await store.take(workerId, ['simulator'], 10, 60_000)).toEqual([]);
    expect(await pending()).toBe(1);
  });

  it('is held against the look-up where there is one', async () => {
    // It cannot find them: only what the callback says about another token is in question.
    let found = false;
    const lookUp: Upstream['lookUp'] = () =>
      Promise.resolve(found ? { kind: 'found', upstreamId: 'sim-right' } : { kind: 'cannot_tell', detail: 'not yet' });
    const { batch, key } = await quarantined({ upstream: lookedUp({ lookUp }) });
    const id = (await truth(batch)).find(({ index }) => index === 5)?.upstreamId ?? '';
    found = true;
    await inbox().deliver('simulator', key(0), says(id));
    await expect.poll(pending, WAIT).toBe(0);
    expect((await taskRows(world, batch)).filter((row) => row.upstream_id === id)).toEqual([]);
  });

  it('of a running task is asked about at once', async () => {
    const route = await calledBackRoute({ pollIntervalMs: [FOR_EVER_MS, FOR_EVER_MS] });
    const batch = await createBatch(world, await openAccount(world), prompts(10, '[sim:delay=300ms]'));
    // One that holds nothing must leave it to the one that does.
    await world.startWorker({ routes: [route], tokenFor, concurrency: 0 });
    await world.startWorker({ routes: [route], tokenFor });
    expect(await ended(world, batch)).toMatchObject({ status: 'completed' });
  });

  it('says nothing about a result: a poll does', async () => {
    // Every callback claims a failure.
    const forge = (body: Buffer): Buffer => {
      const { id } = JSON.parse(body.toString()) as { id: string };
      return Buffer.from(JSON.stringify({ id, status: 'failed', failure_reason: 'input_moderation' }));
    };
    const route = await calledBackRoute({}, forge);
    const batch = await createBatch(world, await openAccount(world), [...prompts(5), ...prompts(5, '[sim:drop]')]);
    await world.startWorker({ routes: [route], tokenFor });
    expect(await ended(world, batch)).toMatchObject({ status: 'completed' });
  });

  it('that comes again and again, or is garbage, fills nothing', async () => {
    const { key, running } = await quarantined();
    const { deliver } = inbox();
    for (let n = 0; n < 20; n += 1) await deliver('simulator', key(0), says(`sim-${n}`));
    expect(await pending()).toBeLessThanOrEqual(4);
    for (const body of ['', 'null', '{"id":""}', '[]', '{"id":"\u0000"}', '\ud800'.repeat(10)]) {
      await deliver('simulator', key(1), Buffer.from(body));
    }
    const { length } = await world.db.query('SELECT 1 FROM upstream_callbacks WHERE task_index = 1');
    expect(length).toBe(0);
    // Told while nothing is new about it.
    await deliver('simulator', key(10), Buffer.from(JSON.stringify({ id: running?.upstream_id, status: 'running' })));
    await deliver('simulator', { ...key(10), attempt: 2 }, says('sim-x'));
    expect(await world.db.query('SELECT 1 FROM upstream_callbacks WHERE task_index = 10')).toEqual([]);
  });
});
