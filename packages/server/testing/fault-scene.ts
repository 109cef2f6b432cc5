/**
 * A whole installation of real processes (an upstream, servers, operator commands) over a database of its own, and what
 * must be true of it in the end, whatever happened on the way.
 */
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { accountIds, batchIds, taskIds, type AccountUuid, type BatchUuid } from '@rushes/contract';
import { expect } from 'vitest';
import { createTestDatabase } from './database.ts';
import {
  createAccount,
  eventually,
  runCommand,
  startProcess,
  temporaryDirectory,
  type NewAccount,
  type ServerProcess,
} from './server-process.ts';
import { openDatabase, type Database } from '../src/db/index.ts';

/** Credits of one task of the model that every batch here uses. */
export const UNIT_PRICE = 49;
const FINISH_TIMEOUT_MS = 120_000;

export interface SceneOptions {
  /** Settings of the upstream. */
  readonly simulator?: Readonly<Record<string, string>>;
  /** Settings of every server. */
  readonly server?: Readonly<Record<string, string>>;
  /** Another database than one in the cluster of the test run. */
  readonly database?: {
    readonly adminUrl: string;
    readonly appUrl: string;
    drop(): Promise<void>;
  };
}

export interface StartOptions {
  /** Which data directory: processes in the same one are of one machine, as far as they can tell. */
  readonly place?: number;
  readonly env?: Readonly<Record<string, string>>;
}

export interface SubmittedBatch {
  readonly id: string;
  readonly uuid: BatchUuid;
  readonly account: NewAccount;
  readonly prompts: readonly string[];
}

interface Generation {
  readonly id: string;
  readonly prompt: string;
}

interface ReportLine {
  readonly task_id: string;
  readonly upstream_id: string | null;
  readonly match: string;
}

const PLACES = 3;

export class FaultScene {
  readonly admin: Database;
  /** What every server is started with. */
  readonly env: Readonly<Record<string, string>>;
  readonly #simulatorPlace: string;
  readonly #simulatorSettings: Readonly<Record<string, string>>;
  readonly #places: readonly string[];
  readonly #cleanUps: (() => Promise<void> | void)[];
  readonly #processes: ServerProcess[] = [];
  readonly #batches: SubmittedBatch[] = [];
  readonly #credits = new Map<string, number>();
  #simulator: ServerProcess;

  private constructor(
    database: NonNullable<SceneOptions['database']>,
    simulator: ServerProcess,
    places: readonly [string, ...string[]],
    options: SceneOptions,
    cleanUps: (() => Promise<void> | void)[],
  ) {
    [this.#simulatorPlace, ...this.#places] = places;
    this.#simulator = simulator;
    this.#simulatorSettings = options.simulator ?? {};
    this.#cleanUps = cleanUps;
    this.admin = openDatabase({
      url: database.adminUrl,
      applicationName: 'test',
      maxConnections: 4,
      onConnectionError: () => undefined,
    });
    this.env = {
      DATABASE_URL: database.appUrl,
      DATABASE_MIGRATION_URL: database.adminUrl,
      RUSHES_SECRET_KEY: Buffer.alloc(32, 7).toString('base64'),
      RUSHES_UPSTREAM: 'routes',
      GRSAI_BASE_URL: simulator.url ?? '',
      GRSAI_API_KEY: 'any',
      RUSHES_POLL_INTERVAL_MS: '100',
      RUSHES_UNKNOWN_WAIT_MS: '300',
      ...options.server,
    };
  }

  static async open(options: SceneOptions = {}): Promise<FaultScene> {
    const simulatorDirectory = temporaryDirectory();
    const directories = Array.from({ length: PLACES }, () => temporaryDirectory());
    const database = options.database ?? (await createTestDatabase());
    const simulator = await startProcess(['simulator', '--port', '0'], {
      dataDir: simulatorDirectory.path,
      env: options.simulator ?? {},
    });
    return new FaultScene(
      database,
      simulator,
      [simulatorDirectory.path, ...directories.map((directory) => directory.path)],
      options,
      [
        () => database.drop(),
        ...[simulatorDirectory, ...directories].map((directory) => () => {
          directory.remove();
        }),
      ],
    );
  }

  place(index = 0): string {
    const found = this.#places[index];
    if (found === undefined) throw new Error(`there is no place ${index}`);
    return found;
  }

  /** Before anything else of the clean-up, the last one first. */
  onClose(cleanUp: () => Promise<void> | void): void {
    this.#cleanUps.unshift(cleanUp);
  }

  /** Starts a server, API and worker together unless the words say otherwise. Killed at the end if it still runs. */
  async start(
    words: readonly string[] = ['start', '--port', '0'],
    { place = 0, env = {} }: StartOptions = {},
  ): Promise<ServerProcess> {
    const server = await startProcess(words, { dataDir: this.place(place), env: { ...this.env, ...env } });
    this.#processes.push(server);
    return server;
  }

  startWorker(options: StartOptions = {}): Promise<ServerProcess> {
    return this.start(['start', '--role', 'worker'], options);
  }

  startApi(options: StartOptions = {}): Promise<ServerProcess> {
    return this.start(['start', '--role', 'api', '--port', '0'], options);
  }

  killSimulator(): Promise<void> {
    return this.#simulator.kill();
  }

  /** On its old port, with its old journal. */
  async restartSimulator(): Promise<void> {
    const { port } = new URL(this.#simulator.url ?? '');
    this.#simulator = await startProcess(['simulator', '--port', port], {
      dataDir: this.#simulatorPlace,
      env: this.#simulatorSettings,
    });
  }

  async account(name: string, credits: number): Promise<NewAccount> {
    const flags = ['--name', name, '--plan', 'enterprise', '--credits', String(credits)];
    const account = await createAccount({ dataDir: this.place(0), env: this.env }, flags);
    this.#credits.set(account.account_id, credits);
    return account;
  }

  command(words: readonly string[]): Promise<string> {
    return runCommand(words, { dataDir: this.place(0), env: this.env });
  }

  /** One request; the answer as it came. */
  post(server: ServerProcess, account: NewAccount, requestId: string, prompts: readonly string[]): Promise<Response> {
    return fetch(`${server.url ?? ''}/v1/batches`, {
      method: 'POST',
      headers: { authorization: `Bearer ${account.api_key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ request_id: requestId, model: 'sora-2', items: prompts.map((prompt) => ({ prompt })) }),
    });
  }

  /** Prompts must differ within a scene: generations are matched with tasks by them. */
  async submit(
    server: ServerProcess,
    account: NewAccount,
    requestId: string,
    prompts: readonly string[],
  ): Promise<SubmittedBatch> {
    const response = await this.post(server, account, requestId, prompts);
    expect([200, 201]).toContain(response.status);
    const { id } = (await response.json()) as { id: string };
    const uuid = batchIds.parse(id);
    if (uuid === null) throw new Error(`the answer has no batch id: ${id}`);
    const batch = { id, uuid, account, prompts };
    this.#batches.push(batch);
    return batch;
  }

  /** Whatever the process logged at warn and above, parsed. */
  logOf(server: ServerProcess): readonly Readonly<Record<string, unknown>>[] {
    return server
      .log()
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  }

  async generations(): Promise<Generation[]> {
    const response = await fetch(`${this.#simulator.url ?? ''}/_sim/generations`);
    return ((await response.json()) as { data: Generation[] }).data;
  }

  /** A number out of the database. */
  async count(sql: string, values: readonly (string | number)[] = []): Promise<number> {
    const [row] = await this.admin.query<{ count: number }>(`SELECT (${sql})::bigint AS count`, values);
    return row?.count ?? 0;
  }

  unfinished(batch?: SubmittedBatch): Promise<number> {
    if (batch === undefined) return this.count('SELECT count(*) FROM tasks WHERE resolution IS NULL');
    return this.count('SELECT count(*) FROM tasks WHERE resolution IS NULL AND batch_id = $1', [batch.uuid]);
  }

  async until(what: string, ms: number, holds: () => Promise<boolean> | boolean): Promise<void> {
    await eventually(what, ms, async () => ((await holds()) ? true : null));
  }

  untilFinished(batch?: SubmittedBatch, ms = FINISH_TIMEOUT_MS): Promise<void> {
    return this.until('the end of every task', ms, async () => (await this.unfinished(batch)) === 0);
  }

  /** Asserts the books, the upstream's own list and the stored videos; every task must have ended. */
  async expectWholeBooks(): Promise<void> {
    expect(await this.command(['ledger', 'check'])).toBe('');
    await this.#expectEachTaskResolvedOnce();
    await this.#expectCreditsAddUp();
    await this.#expectEveryChargeHasItsVideo();
    expect(await this.admin.query('SELECT * FROM task_leases')).toEqual([]);
    expect(await this.count('SELECT count(*) FROM batches WHERE finished_at IS NULL')).toBe(0);
    const events = await this.admin.query<{ count: number; last: number }>(
      'SELECT count(*) AS count, max(seq) AS last FROM events GROUP BY account_id',
    );
    for (const { count, last } of events) expect(count).toBe(last);
    await this.#expectEveryGenerationExplained();
  }

  async #expectEachTaskResolvedOnce(): Promise<void> {
    const tasks = this.#batches.reduce((sum, batch) => sum + batch.prompts.length, 0);
    const [resolved] = await this.admin.query<{ entries: number; tasks: number; amount: number }>(
      `SELECT count(*) AS entries, count(DISTINCT (batch_id, task_index)) AS tasks, sum(amount) AS amount
       FROM credit_ledger WHERE kind IN ('charge', 'refund', 'forfeit')`,
    );
    expect(resolved).toEqual({ entries: tasks, tasks, amount: tasks * UNIT_PRICE });
  }

  async #expectCreditsAddUp(): Promise<void> {
    const accounts = await this.admin.query<{ account_id: AccountUuid; total: number; reserved: number; owed: number }>(
      `SELECT c.account_id, c.available + c.spent AS total, c.reserved,
         c.spent - (SELECT coalesce(sum(l.amount), 0) FROM credit_ledger l
           WHERE l.account_id = c.account_id AND l.kind IN ('charge', 'forfeit')) AS owed
       FROM credit_accounts c`,
    );
    for (const [id, credits] of this.#credits) {
      const found = accounts.find((account) => account.account_id === accountIds.parse(id));
      expect(found).toMatchObject({ total: credits, reserved: 0, owed: 0 });
    }
  }

  async #expectEveryChargeHasItsVideo(): Promise<void> {
    const charged = await this.admin.query<{ video_key: string | null; video_bytes: number | null }>(
      `SELECT video_key, video_bytes FROM tasks WHERE resolution = 'charge'`,
    );
    const missing = charged.filter(({ video_key: key, video_bytes: bytes }) => {
      const files = this.#places.map((place) => path.join(place, 'videos', key ?? 'none'));
      return !files.some((file) => existsSync(file) && statSync(file).size === bytes);
    });
    expect(missing).toEqual([]);
  }

  /** Each generation is that of a task's last attempt, or the report names it or its task as possibly duplicated. */
  async #expectEveryGenerationExplained(): Promise<void> {
    const report = (await this.command(['upstream', 'report', '--all', '--json']))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as ReportLine);
    const matched = new Set(report.map((line) => line.upstream_id).filter((id) => id !== null));
    const unknowns = new Map<string, number>();
    for (const line of report) {
      if (line.upstream_id === null) unknowns.set(line.task_id, (unknowns.get(line.task_id) ?? 0) + 1);
    }
    const taskIdOf = new Map(
      this.#batches.flatMap(({ uuid, prompts }) =>
        prompts.map((prompt, index): [string, string] => [prompt, taskIds.format(uuid, index)]),
      ),
    );
    const unexplained: string[] = [];
    for (const generation of await this.generations()) {
      if (matched.has(generation.id)) continue;
      const taskId = taskIdOf.get(generation.prompt) ?? '';
      const left = unknowns.get(taskId) ?? 0;
      if (left === 0) unexplained.push(generation.prompt);
      unknowns.set(taskId, left - 1);
    }
    expect(unexplained).toEqual([]);
  }

  /** Asserts that nothing was generated twice. */
  async expectNothingGeneratedTwice(): Promise<void> {
    const prompts = (await this.generations()).map((generation) => generation.prompt);
    expect(prompts.filter((prompt, index) => prompts.indexOf(prompt) !== index)).toEqual([]);
  }

  async close(): Promise<void> {
    await Promise.all(this.#processes.map((server) => server.kill()));
    await this.#simulator.kill();
    await this.admin.close();
    for (const cleanUp of this.#cleanUps) await cleanUp();
  }
}

/** `count` prompts, no two alike. */
export function prompts(count: number, subject: string): string[] {
  return Array.from({ length: count }, (_, index) => `${subject}, take ${index}`);
}
