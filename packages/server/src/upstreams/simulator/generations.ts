import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '../../ports.ts';
import type { Shape } from './clips.ts';
import { parseDirectives } from './directives.ts';
import { decideFate, type FateSettings, type Outcome } from './fate.ts';
import { Journal } from './journal.ts';

/** What stays in memory of a generation; prompts stay in the journal, so 100,000 generations take some 30 MB. */
export interface Generation {
  readonly id: string;
  readonly model: string;
  /** Digest of the prompt. */
  readonly promptKey: string;
  readonly shape: Shape;
  readonly startedAtMs: number;
  readonly latencyMs: number;
  readonly outcome: Outcome;
  readonly expired: boolean;
  readonly callback: Callback | null;
}

export interface Callback {
  readonly url: string;
  /** Intermediate progress is posted too. */
  readonly withProgress: boolean;
}

export interface Submission {
  readonly model: string;
  readonly prompt: string;
  readonly shape: Shape;
  readonly callback: Callback | null;
  /** Names the submission, when it came through the simulator's own adapter. */
  readonly token: string | null;
}

/** What became of the submission with some token. `pending`: it is being started at this moment. */
export type LookedUp =
  { readonly kind: 'found'; readonly id: string } | { readonly kind: 'not_started' } | { readonly kind: 'pending' };

export interface Started {
  readonly generation: Generation;
  /** `[sim:drop]`: the submission must get no answer. */
  readonly dropped: boolean;
}

export type State =
  | { readonly status: 'running'; readonly progress: number }
  | { readonly status: 'succeeded' }
  | { readonly status: 'failed'; readonly reason: Exclude<Outcome, 'succeeded' | 'never'> };

/** One entry of the audit list, as `GET /_sim/generations` shows it. */
export interface AuditEntry {
  readonly id: string;
  readonly prompt: string;
  readonly status: State['status'];
  readonly started_at: string;
  readonly model: string;
  /** The callback URL as submitted; it carries the submission's token. */
  readonly web_hook: string | null;
}

/**
 * A line of the journal: a generation, that its callback needs no further attempt, or that a submission was told to have
 * not been started, so that it never may be.
 */
type Entry =
  | {
      readonly kind: 'generation';
      readonly generation: Generation;
      readonly prompt: string;
      readonly token_key?: string;
    }
  | { readonly kind: 'called_back'; readonly id: string }
  | { readonly kind: 'void'; readonly token_key: string };

interface Remembered {
  readonly byId: Map<string, Generation>;
  readonly byToken: Map<string, string>;
  readonly voided: Set<string>;
}

export interface GenerationsOptions extends FateSettings {
  readonly journalPath: string;
  readonly clock: Pick<Clock, 'now'>;
}

/** Every generation that this simulator ever started, over all its lives. */
export class Generations {
  readonly #options: GenerationsOptions;
  readonly #journal: Journal;
  readonly #byId: Map<string, Generation>;
  readonly #byToken: Map<string, string>;
  readonly #voided: Set<string>;
  /** Tokens of submissions on their way to the disk. */
  readonly #starting = new Set<string>();
  /** Those whose promise is on its way to the disk. */
  readonly #voiding = new Map<string, Promise<void>>();
  readonly #timesByPrompt: Map<string, number>;

  private constructor(options: GenerationsOptions, journal: Journal, { byId, byToken, voided }: Remembered) {
    this.#options = options;
    this.#journal = journal;
    this.#byId = byId;
    this.#byToken = byToken;
    this.#voided = voided;
    this.#timesByPrompt = new Map();
    for (const { promptKey } of byId.values()) this.#countPrompt(promptKey);
  }

  /** Also returns the generations whose callback was not delivered before the last life ended. */
  static async open(
    options: GenerationsOptions,
  ): Promise<{ readonly generations: Generations; readonly uncalled: readonly Generation[] }> {
    const remembered: Remembered = { byId: new Map(), byToken: new Map(), voided: new Set() };
    const uncalled = new Map<string, Generation>();
    const journal = await Journal.open(options.journalPath, (line) => {
      const entry = parseEntry(line, options.journalPath);
      if (entry.kind === 'called_back') {
        uncalled.delete(entry.id);
        return;
      }
      if (entry.kind === 'void') {
        remembered.voided.add(entry.token_key);
        return;
      }
      const { generation } = entry;
      remembered.byId.set(generation.id, generation);
      if (entry.token_key !== undefined) remembered.byToken.set(entry.token_key, generation.id);
      if (generation.callback !== null) uncalled.set(generation.id, generation);
    });
    return { generations: new Generations(options, journal, remembered), uncalled: [...uncalled.values()] };
  }

  /**
   * Resolves once the generation is on disk, so that no answer is ever sent for one that a crash could forget. Null for a
   * submission that somebody was told was not started.
   */
  async start(submission: Submission): Promise<Started | null> {
    const tokenKey = submission.token === null ? null : digestOf(submission.token);
    if (tokenKey === null) return this.#start(submission, {});
    if (this.#voided.has(tokenKey) || this.#voiding.has(tokenKey)) return null;
    this.#starting.add(tokenKey);
    try {
      const started = await this.#start(submission, { token_key: tokenKey });
      this.#byToken.set(tokenKey, started.generation.id);
      return started;
    } finally {
      this.#starting.delete(tokenKey);
    }
  }

  /** What became of a submission. Once told that it was not started, it never will be: the promise is on disk first. */
  async lookUp(token: string): Promise<LookedUp> {
    const tokenKey = digestOf(token);
    const id = this.#byToken.get(tokenKey);
    if (id !== undefined) return { kind: 'found', id };
    if (this.#starting.has(tokenKey)) return { kind: 'pending' };
    if (!this.#voided.has(tokenKey)) {
      let voiding = this.#voiding.get(tokenKey);
      if (voiding === undefined) {
        voiding = this.#void(tokenKey);
        this.#voiding.set(tokenKey, voiding);
      }
      await voiding;
    }
    return { kind: 'not_started' };
  }

  async #void(tokenKey: string): Promise<void> {
    const entry: Entry = { kind: 'void', token_key: tokenKey };
    try {
      await this.#journal.append(JSON.stringify(entry));
      this.#voided.add(tokenKey);
    } finally {
      this.#voiding.delete(tokenKey);
    }
  }

  async #start(submission: Submission, tokenKey: { readonly token_key?: string }): Promise<Started> {
    const promptKey = digestOf(submission.prompt);
    const fate = decideFate(this.#options, promptKey, this.#countPrompt(promptKey), parseDirectives(submission.prompt));
    const generation: Generation = {
      id: `sim-${randomBytes(12).toString('hex')}`,
      model: submission.model,
      promptKey,
      shape: submission.shape,
      startedAtMs: this.#options.clock.now().getTime(),
      latencyMs: fate.latencyMs,
      outcome: fate.outcome,
      expired: fate.expired,
      callback: submission.callback,
    };
    const entry: Entry = { kind: 'generation', generation, prompt: submission.prompt, ...tokenKey };
    await this.#journal.append(JSON.stringify(entry));
    this.#byId.set(generation.id, generation);
    return { generation, dropped: fate.dropped };
  }

  find(id: string): Generation | null {
    return this.#byId.get(id) ?? null;
  }

  stateOf(generation: Generation): State {
    const elapsedMs = this.#options.clock.now().getTime() - generation.startedAtMs;
    const { outcome, latencyMs } = generation;
    if (outcome === 'never' || elapsedMs < latencyMs) {
      const share = outcome === 'never' ? 0 : elapsedMs / latencyMs;
      return { status: 'running', progress: Math.min(Math.max(Math.floor(share * 100), 0), 99) };
    }
    return outcome === 'succeeded' ? { status: 'succeeded' } : { status: 'failed', reason: outcome };
  }

  async recordCalledBack(id: string): Promise<void> {
    const entry: Entry = { kind: 'called_back', id };
    await this.#journal.append(JSON.stringify(entry));
  }

  /** Oldest first, read from the disk: what stands here survived. */
  async *list(): AsyncGenerator<AuditEntry> {
    for await (const line of this.#journal.lines()) {
      const entry = parseEntry(line, this.#options.journalPath);
      if (entry.kind !== 'generation') continue;
      const { generation, prompt } = entry;
      yield {
        id: generation.id,
        prompt,
        status: this.stateOf(generation).status,
        started_at: new Date(generation.startedAtMs).toISOString(),
        model: generation.model,
        web_hook: generation.callback?.url ?? null,
      };
    }
  }

  close(): Promise<void> {
    return this.#journal.close();
  }

  #countPrompt(promptKey: string): number {
    const times = (this.#timesByPrompt.get(promptKey) ?? 0) + 1;
    this.#timesByPrompt.set(promptKey, times);
    return times;
  }
}

/** 128 bits of SHA-256: enough to tell texts apart, short enough to keep one for each generation. */
function digestOf(text: string): string {
  return createHash('sha256').update(text).digest().subarray(0, 16).toString('base64url');
}

/** Our own lines, confirmed by fdatasync: one that cannot be read means that the file is not ours. */
function parseEntry(line: string, path: string): Entry {
  try {
    const value: unknown = JSON.parse(line);
    if (isEntry(value)) return value;
  } catch {
    // Told below.
  }
  throw new Error(`${path} is not a simulator's journal (first bad line: ${line.slice(0, 80)})`);
}

function isEntry(value: unknown): value is Entry {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return false;
  if (value.kind === 'void') return 'token_key' in value && typeof value.token_key === 'string';
  if (value.kind === 'called_back') return 'id' in value && typeof value.id === 'string';
  return value.kind === 'generation' && 'generation' in value && 'prompt' in value;
}
