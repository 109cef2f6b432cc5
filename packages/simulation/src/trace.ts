/** What happened in a history, step by step. */
import { createHash, type Hash } from 'node:crypto';

/** More steps than a history may have, so that all of one can be shown. */
const TAIL_LINES = 60_000;

/** Keeps the hash of all steps and the last of them as text. */
export class Trace {
  readonly #hash: Hash = createHash('sha256');
  readonly #tail: string[] = [];
  #steps = 0;

  get steps(): number {
    return this.#steps;
  }

  add(atMs: number, name: string, result: string): void {
    const line = `${atMs.toFixed(0).padStart(8)} ms  ${name}  ${result}`;
    this.#hash.update(line).update('\n');
    this.#steps += 1;
    this.#tail.push(line);
    if (this.#tail.length > TAIL_LINES) this.#tail.splice(0, TAIL_LINES / 2);
  }

  /** The last steps, oldest first. */
  tail(lines: number): readonly string[] {
    return this.#tail.slice(-lines);
  }

  /** Equal for two histories exactly when every step and result of them was equal. */
  digest(): string {
    return this.#hash.copy().digest('hex');
  }
}

/** A result as it stands in the trace: short, but any difference in it shows. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value, (_, part: unknown) =>
    part instanceof Uint8Array ? Buffer.from(part).toString('hex') : part,
  ) as string | undefined;
  if (text === undefined) return '-';
  if (text.length <= 80) return text;
  return `${text.slice(0, 60)}… #${createHash('sha256').update(text).digest('hex').slice(0, 8)}`;
}
