import type { PollResult } from '../../upstreams/index.ts';

/** One question about one generation. */
export interface Question {
  readonly upstreamId: string;
  readonly dueMs: number;
  /** From then on its task only waits for this answer, to end with it or without. */
  readonly lastAtMs: number;
  readonly lost: AbortSignal;
  readonly resolve: (result: PollResult) => void;
  readonly reject: (reason: unknown) => void;
  /** Waiting for its time, waiting for its turn, or sent, answered or lost. */
  state: 'later' | 'ready' | 'over';
}

/** The questions of one lease, which are lost together: a listener each would be ten thousand of them on one signal. */
interface LeaseQuestions {
  readonly questions: Set<Question>;
  readonly end: () => void;
}

/** The questions that were not sent yet, by generation and by lease. Those of a lease are rejected when it is lost. */
export class OpenQuestions {
  readonly #byId = new Map<string, Question>();
  readonly #byLease = new Map<AbortSignal, LeaseQuestions>();
  readonly #onLost: () => void;
  #count = 0;

  /** `onLost` is called after the questions of a lost lease were rejected. */
  constructor(onLost: () => void) {
    this.#onLost = onLost;
  }

  get count(): number {
    return this.#count;
  }

  /** The latest question about a generation. */
  about(upstreamId: string): Question | undefined {
    return this.#byId.get(upstreamId);
  }

  add(question: Question): void {
    this.#count += 1;
    this.#byId.set(question.upstreamId, question);
    this.#ofLease(question.lost).questions.add(question);
  }

  /** The question is sent or lost. */
  close(question: Question): void {
    question.state = 'over';
    this.#count -= 1;
    // A task taken up again may have asked anew for the same id.
    if (this.#byId.get(question.upstreamId) === question) this.#byId.delete(question.upstreamId);
    const lease = this.#byLease.get(question.lost);
    lease?.questions.delete(question);
    if (lease?.questions.size === 0) {
      question.lost.removeEventListener('abort', lease.end);
      this.#byLease.delete(question.lost);
    }
  }

  #ofLease(lost: AbortSignal): LeaseQuestions {
    const known = this.#byLease.get(lost);
    if (known !== undefined) return known;
    const questions = new Set<Question>();
    const end = (): void => {
      for (const question of [...questions]) {
        this.close(question);
        question.reject(reasonOf(lost));
      }
      this.#onLost();
    };
    lost.addEventListener('abort', end, { once: true });
    const made = { questions, end };
    this.#byLease.set(lost, made);
    return made;
  }
}

/** Why a lease was lost, as an error. */
export function reasonOf(lost: AbortSignal): Error {
  return lost.reason instanceof Error ? lost.reason : new Error('the lease was lost');
}
