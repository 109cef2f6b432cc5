import { once } from 'node:events';
import { EXIT } from '../exit-codes.ts';
import { paintFor, type Paint } from './terminal.ts';

interface Streams {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

/** stdout is the result and nothing else; stderr is everything for the eye. */
export class Output {
  readonly #streams: Streams;
  /** Colours for stdout. */
  readonly paint: Paint;
  /** Colours for stderr. */
  readonly paintNote: Paint;
  #closed = false;

  constructor(streams: Streams, environment: Readonly<Record<string, string | undefined>>) {
    this.#streams = streams;
    this.paint = paintFor(streams.stdout, environment);
    this.paintNote = paintFor(streams.stderr, environment);
    // Before oclif's own listener, which throws.
    streams.stdout.prependListener('error', (error: NodeJS.ErrnoException) => this.#stopWriting(error));
    streams.stderr.on('error', () => undefined);
  }

  /** A reader that has seen enough, such as head, is no failure. A full disk is: nobody must take what is there for all of it. */
  #stopWriting(error: NodeJS.ErrnoException): void {
    if (this.#closed) return;
    this.#closed = true;
    if (error.code === 'EPIPE') return;
    this.note(`Error: standard output cannot be written: ${error.message}`);
    process.exit(EXIT.failed);
  }

  /** Nobody reads stdout any more: a long listing can stop. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** Resolves once stdout takes more. */
  async write(data: string | Uint8Array): Promise<void> {
    const { stdout } = this.#streams;
    if (this.#closed || stdout.write(data)) return;
    await Promise.race([once(stdout, 'drain'), once(stdout, 'close')]).catch(() => undefined);
  }

  async line(text: string): Promise<void> {
    await this.write(`${text}\n`);
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
    this.#streams.stderr.write(`${text}\n`);
  }

  /** Raw text on stderr, for what is drawn over. */
  draw(text: string): void {
    this.#streams.stderr.write(text);
  }

  /** Whether stderr can be drawn over. */
  get canDraw(): boolean {
    return this.#streams.stderr.isTTY && process.env['TERM'] !== 'dumb';
  }

  /** Characters in a line of the terminal; some terminals say 0 when they do not know. */
  get columns(): number {
    const columns = this.#streams.stderr.isTTY ? this.#streams.stderr.columns : 0;
    return columns > 0 ? columns : 80;
  }
}
