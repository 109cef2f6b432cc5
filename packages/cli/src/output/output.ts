import { once } from 'node:events';
import type { CliContext, Sink } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { paintFor, type Paint } from './terminal.ts';

/** Width of a terminal that does not tell it. */
const COLUMNS_UNKNOWN = 80;

/** Writes the result, and nothing else, to stdout, and everything that is for the eye to stderr. */
export class Output {
  readonly #stdout: Sink;
  readonly #stderr: Sink;
  readonly #isDumb: boolean;
  readonly #exit: CliContext['exit'];
  /** Colours for stdout. */
  readonly paint: Paint;
  /** Colours for stderr. */
  readonly paintNote: Paint;
  #closed = false;

  constructor({ stdout, stderr, environment, exit }: Pick<CliContext, 'stdout' | 'stderr' | 'environment' | 'exit'>) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#isDumb = environment['TERM'] === 'dumb';
    this.#exit = exit;
    this.paint = paintFor(stdout, environment);
    this.paintNote = paintFor(stderr, environment);
    // Before oclif's own listener, which throws.
    stdout.prependListener('error', (error: NodeJS.ErrnoException) => this.#stopWriting(error));
    stderr.on('error', () => undefined);
  }

  /** A reader that has seen enough, such as head, is no failure. A full disk is: nobody must take what is there for all of it. */
  #stopWriting(error: NodeJS.ErrnoException): void {
    if (this.#closed) return;
    this.#closed = true;
    if (error.code === 'EPIPE') return;
    this.note(`Error: standard output cannot be written: ${error.message}`);
    this.#exit(EXIT.failed);
  }

  /** Nobody reads stdout any more: a long listing can stop. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** Whether stdout shows colours. */
  get isPainted(): boolean {
    return this.paint('bold', '') !== '';
  }

  /** Resolves once stdout takes more. */
  async write(data: string | Uint8Array): Promise<void> {
    const stdout = this.#stdout;
    if (this.#closed || stdout.write(data)) return;
    await Promise.race([once(stdout, 'drain'), once(stdout, 'close')]).catch(() => undefined);
  }

  /** A line on stdout. */
  async line(text: string): Promise<void> {
    await this.write(`${text}\n`);
  }

  /** Several lines on stdout. */
  async lines(texts: readonly string[]): Promise<void> {
    for (const text of texts) await this.line(text);
  }

  /** One document, indented for people too. */
  async document(value: unknown): Promise<void> {
    await this.write(`${JSON.stringify(value, null, 2)}\n`);
  }

  /** One line of JSON lines. */
  async jsonLine(value: unknown): Promise<void> {
    await this.write(`${JSON.stringify(value)}\n`);
  }

  /** A line on stderr. */
  note(text: string): void {
    this.#stderr.write(`${text}\n`);
  }

  /** Raw text on stderr, for what is drawn over. */
  draw(text: string): void {
    this.#stderr.write(text);
  }

  /** Whether stderr can be drawn over. */
  get canDraw(): boolean {
    return this.#stderr.isTTY === true && !this.#isDumb;
  }

  /** Characters in a line of the terminal; some terminals say 0 when they do not know. */
  get columns(): number {
    const columns = this.#stderr.isTTY === true ? (this.#stderr.columns ?? 0) : 0;
    return columns > 0 ? columns : COLUMNS_UNKNOWN;
  }
}
