/** What must be true when a history has ended: of the books, of every task, and of everything that was ever paid for. */
import { createHash } from 'node:crypto';
import { batchIds, type BatchUuid } from '@rushes/contract';
import { EVERYTHING, reportPages, type ReportedGeneration } from '../../server/src/generations/index.ts';
import { checkLedger } from '../../server/src/checking/check-ledger.ts';
import type { StartedGeneration } from './simulated-upstream.ts';
import type { World } from './world.ts';
import { videoOf } from './simulated-videos.ts';

interface EndedTask {
  readonly token: string;
  readonly batch_id: BatchUuid;
  readonly task_index: number;
  readonly state: string;
  readonly upstream_id: string | null;
  readonly video_key: string | null;
  readonly video_sha256: Uint8Array | null;
  readonly entries: number;
  readonly events: number;
}

/** Adds everything that is wrong to the world's violations. */
export async function checkInvariants(world: World, answered: ReadonlyMap<string, ReadonlySet<string>>): Promise<void> {
  for (const { rule, detail } of await checkLedger(world.control, null)) world.violated(`ledger ${rule}`, detail);
  await checkNothingLeft(world);
  await checkEvents(world);
  await checkRequests(world, answered);
  await checkLate(world);
  const tasks = await world.control.query<EndedTask>(
    `SELECT t.batch_id || '/' || t.task_index AS token, t.batch_id, t.task_index, t.state, t.upstream_id, t.video_key,
       t.video_sha256,
       (SELECT count(*) FROM credit_ledger e WHERE e.account_id = t.account_id AND e.batch_id = t.batch_id
         AND e.task_index = t.task_index AND e.kind IN ('charge', 'refund', 'forfeit')) AS entries,
       (SELECT count(*) FROM events e WHERE e.account_id = t.account_id AND e.batch_id = t.batch_id
         AND e.task_index = t.task_index AND e.type = 'task.' || t.state) AS events
     FROM tasks t ORDER BY t.account_id, t.batch_id, t.task_index`,
  );
  checkTasks(world, tasks);
  checkVideos(world, tasks);
  await checkGenerations(world, tasks);
}

async function checkNothingLeft(world: World): Promise<void> {
  const [left = {}] = await world.control.query(
    `SELECT (SELECT count(*) FROM tasks WHERE resolution IS NULL) AS "open tasks",
       (SELECT count(*) FROM batches WHERE finished_at IS NULL) AS "open batches",
       (SELECT count(*) FROM credit_holds WHERE state = 'open') AS "open holds",
       (SELECT coalesce(sum(reserved), 0) FROM credit_accounts) AS "reserved credits",
       (SELECT count(*) FROM task_leases) AS leases,
       (SELECT count(*) FROM task_retries) AS retries,
       (SELECT count(*) FROM batch_schedule) AS schedules`,
  );
  for (const [what, count] of Object.entries(left))
    if (count !== 0) world.violated('something is left', `${String(count)} ${what}`);
}

/** The list of an account is read by its numbers: a gap would be waited for, for ever. */
async function checkEvents(world: World): Promise<void> {
  const gaps = await world.control.query<{ detail: string }>(
    `SELECT format('account %s has %s events up to number %s', account_id, count(*), max(seq)) AS detail
     FROM events GROUP BY account_id HAVING count(*) <> max(seq) OR min(seq) <> 1`,
  );
  for (const { detail } of gaps) world.violated('events have a gap', detail);
}

/** One request_id, one batch, whatever was lost on the way. */
async function checkRequests(world: World, answered: ReadonlyMap<string, ReadonlySet<string>>): Promise<void> {
  const made = await world.control.query<{ request_id: string; batch_id: BatchUuid }>(
    'SELECT request_id, batch_id FROM batches ORDER BY request_id',
  );
  const byRequest = Map.groupBy(made, (row) => row.request_id);
  for (const [requestId, batches] of byRequest) {
    if (batches.length > 1) world.violated('a request made two batches', requestId);
  }
  for (const [requestId, ids] of answered) {
    const found = new Set<string | null>((byRequest.get(requestId) ?? []).map(({ batch_id }) => batch_id));
    const isSame = ids.size === 1 && [...ids].every((id) => found.has(batchIds.parse(id)));
    if (!isSame) world.violated('an answer named another batch', `${requestId}: ${[...ids].join(', ')}`);
  }
}

/** What came too late changed nothing, and is kept. */
async function checkLate(world: World): Promise<void> {
  for (const { accountUuid, batchUuid, index, outcome } of world.late) {
    if (outcome !== 'succeeded' && outcome !== 'failed') continue;
    const [row] = await world.control.query<{ state: string; kept: boolean }>(
      `SELECT t.state, EXISTS (SELECT FROM late_results r WHERE r.account_id = t.account_id AND r.batch_id = t.batch_id
         AND r.task_index = t.task_index AND r.outcome = $3) AS kept
       FROM tasks t WHERE t.account_id = $4 AND t.batch_id = $1 AND t.task_index = $2`,
      [batchUuid, index, outcome, accountUuid],
    );
    if (row !== undefined && row.state !== outcome && !row.kept) {
      world.violated(
        'a late result is forgotten',
        `${outcome} of task ${index} of batch ${batchUuid}, which is ${row.state}`,
      );
    }
  }
}

function checkTasks(world: World, tasks: readonly EndedTask[]): void {
  for (const { token, state, entries, events } of tasks) {
    if (entries !== 1) world.violated('a task has not one resolution', `${token} (${state}) has ${entries}`);
    if (events !== 1) world.violated('a task has not one event', `${token} (${state}) has ${events}`);
  }
}

/** Charged is only what the customer can download, made for exactly that task. */
function checkVideos(world: World, tasks: readonly EndedTask[]): void {
  for (const task of tasks) {
    if (task.state !== 'succeeded') continue;
    const stored = task.video_key === null ? undefined : world.disk.files.get(task.video_key);
    if (stored === undefined) {
      world.violated('charged without a video', `${task.token}: ${task.video_key ?? 'no key'}`);
      continue;
    }
    const generation = task.upstream_id === null ? null : world.provider.find(task.upstream_id);
    const isRight =
      generation !== null &&
      generation.token.startsWith(`${task.token}/`) &&
      generation.fate === 'succeeds' &&
      videoOf(generation).equals(stored) &&
      createHash('sha256')
        .update(stored)
        .digest()
        .equals(task.video_sha256 ?? new Uint8Array());
    if (!isRight) world.violated('charged for another video', `${task.token}: ${task.upstream_id ?? 'no id'}`);
  }
}

/** Every generation is accounted for: it is that of an attempt, or reported as one that may have been for nothing. */
async function checkGenerations(world: World, tasks: readonly EndedTask[]): Promise<void> {
  const reported = new Map<string, ReportedGeneration>();
  for await (const page of reportPages(world.control, EVERYTHING)) {
    for (const row of page) reported.set(`${row.batchUuid}/${row.taskIndex}/${row.attempt}`, row);
  }
  const served = new Map(tasks.map((task) => [task.token, task.upstream_id]));
  for (const [token, started] of Map.groupBy(world.provider.audit, (generation) => generation.token)) {
    if (started.length > 1)
      world.violated('an attempt was sent twice', `${token}: ${started.map(({ id }) => id).join(', ')}`);
  }
  for (const generation of world.provider.audit) {
    const row = reported.get(generation.token);
    const isReported = row !== undefined && (row.upstreamId === generation.id || row.match === 'possible_duplicate');
    if (!isReported) world.violated('a generation is in no report', describe(generation));
    else if (isPaidInVain(generation, row, served))
      world.violated('paid twice, and nobody is told', describe(generation));
  }
}

/** It had or would have had a video, its task took another generation, and the report does not say so. */
function isPaidInVain(
  generation: StartedGeneration,
  row: ReportedGeneration,
  served: ReadonlyMap<string, string | null>,
): boolean {
  if (generation.fate !== 'succeeds' || generation.toldOfFailure || row.match !== 'matched') return false;
  return served.get(generation.token.replace(/\/\d+$/, '')) !== generation.id;
}

function describe({ id, token, route, fate, startedAtMs }: StartedGeneration): string {
  return `${id} of ${token} on ${route}, started at ${startedAtMs} ms (${fate})`;
}
