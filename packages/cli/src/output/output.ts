import { once } from 'node:events';
import type { CliContext, Sink } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { paintFor, type Paint } from './terminal.ts';

/** Width used when the terminal does not report one. */
const COLUMNS_UNKNOWN = 80;

/** Writes the result to stdout, and everything else that a person reads to stderr. */
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
    // Registered before oclif's own listener, which throws.
    stdout.prependListener('error', (error: NodeJS.ErrnoException) => this.#stopWriting(error));
    stderr.on('error', () => undefined);
  }

  /**
   * A closed reader, such as head, is not a failure. A full disk is, because the output would look complete although it
   * is not.
   */
  #stopWriting(error: NodeJS.ErrnoException): void {
    if (this.#closed) return;
    this.#closed = true;
    if (error.code === 'EPIPE') return;
    this.note(`Error: cannot write to standard output: ${error.message}`);
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

  /** One JSON document, indented so that people can read it too. */
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

  /** Raw text on stderr, for a line that is drawn again and again. */
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
