import type { Clock } from '../../ports.ts';
import type { LeasedTask, TaskKey } from '../task.ts';

interface Waiting {
  readonly task: LeasedTask;
  readonly found: (upstreamId: string) => void;
}

/** The tasks of this worker whose submission got no clear answer, each waiting to hear of its upstream's id. */
export class UnknownOutcomes {
  readonly #waiting = new Map<string, Waiting>();
  readonly #clock: Pick<Clock, 'sleep'>;

  constructor(clock: Pick<Clock, 'sleep'>) {
    this.#clock = clock;
  }

  get tasks(): LeasedTask[] {
    return Array.from(this.#waiting.values(), ({ task }) => task);
  }

  /** The upstream's id as soon as it is known, or null after `ms`; rejects when the lease is lost. */
  async wait(task: LeasedTask, ms: number, lost: AbortSignal): Promise<string | null> {
    const cut = new AbortController();
    const onLost = (): void => cut.abort(lost.reason);
    lost.addEventListener('abort', onLost, { once: true });
    let found: string | null = null;
    const entry: Waiting = {
      task,
      found(upstreamId) {
        found = upstreamId;
        cut.abort();
      },
    };
    const name = nameOf(task);
    this.#waiting.set(name, entry);
    try {
      lost.throwIfAborted();
      await this.#clock.sleep(ms, cut.signal);
    } catch (error) {
      if (found === null) throw error;
    } finally {
      lost.removeEventListener('abort', onLost);
      if (this.#waiting.get(name) === entry) this.#waiting.delete(name);
    }
    return found;
  }

  /** The id of the submission that this task waits about, if it does. */
  tell(key: TaskKey & { readonly attempt: number }, upstreamId: string): void {
    const entry = this.#waiting.get(nameOf(key));
    if (entry?.task.attempt === key.attempt) entry.found(upstreamId);
  }
}

function nameOf({ accountUuid, batchUuid, index }: TaskKey): string {
  return `${accountUuid}/${batchUuid}/${index}`;
}
