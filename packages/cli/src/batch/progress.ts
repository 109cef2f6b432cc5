import type { Batch } from '@rushes/sdk';
import type { Clock } from '../context.ts';
import type { Output } from '../output/output.ts';
import { count, credits, duration, plural } from '../output/wording.ts';
import { settled, stateWord } from './batch-state.ts';

/** Shows the progress of a batch. */
export interface Progress {
  update(batch: Batch): void;
  /** Removes what was drawn. */
  stop(): void;
}

const BAR_CHARACTERS = 24;
/**
 * Time between two plain lines: short enough to show in a CI log that the command is alive, long enough to keep the log
 * readable.
 */
const PLAIN_INTERVAL_MS = 15_000;
/** The clock in the bar continues between two requests for the batch. */
const REDRAW_MS = 1_000;

/** Estimated milliseconds that are left, at the speed since the first request; null when there is no speed yet. */
class Pace {
  #start: { readonly atMs: number; readonly done: number } | null = null;

  leftMs(batch: Batch, nowMs: number): number | null {
    const done = settled(batch);
    this.#start ??= { atMs: nowMs, done };
    const gained = done - this.#start.done;
    const elapsedMs = nowMs - this.#start.atMs;
    return gained > 0 && elapsedMs > 0 && done < batch.counts.total
      ? ((batch.counts.total - done) * elapsedMs) / gained
      : null;
  }
}

function percent(batch: Batch): number {
  return batch.counts.total === 0 ? 100 : Math.floor((settled(batch) * 100) / batch.counts.total);
}

function facts(batch: Batch, leftMs: number | null): string {
  const { counts } = batch;
  return [
    `${count(settled(batch))}/${count(counts.total)} ${percent(batch)}%`,
    `${count(counts.succeeded)} succeeded`,
    ...(counts.failed > 0 ? [`${count(counts.failed)} failed`] : []),
    ...(counts.canceled > 0 ? [`${count(counts.canceled)} canceled`] : []),
    `charged ${count(batch.credits.charged)}`,
    ...(leftMs === null ? [] : [`about ${duration(leftMs)} left`]),
  ].join(', ');
}

/** One line that is drawn again and again, for a terminal. */
class Bar implements Progress {
  readonly #output: Output;
  readonly #startedAtMs: number;
  readonly #pace = new Pace();
  readonly #clock: Clock;
  readonly #stopTimer: () => void;
  #batch: Batch | null = null;

  constructor(output: Output, clock: Clock) {
    this.#output = output;
    this.#clock = clock;
    this.#startedAtMs = clock.monotonicMs();
    this.#stopTimer = clock.every(REDRAW_MS, () => this.#draw());
  }

  update(batch: Batch): void {
    this.#batch = batch;
    this.#draw();
  }

  stop(): void {
    this.#stopTimer();
    this.#output.draw('\r\u001b[2K');
  }

  #draw(): void {
    const batch = this.#batch;
    if (batch === null) return;
    const nowMs = this.#clock.monotonicMs();
    const filled = Math.round((percent(batch) * BAR_CHARACTERS) / 100);
    const text = `${facts(batch, this.#pace.leftMs(batch, nowMs))}, ${duration(nowMs - this.#startedAtMs)}`;
    const { columns, paintNote } = this.#output;
    const bar = paintNote('cyan', '█'.repeat(filled)) + paintNote('dim', '░'.repeat(BAR_CHARACTERS - filled));
    // A line that wraps cannot be drawn over, so it is cut at the width of the terminal.
    this.#output.draw(`\r\u001b[2K${bar} ${text.slice(0, Math.max(0, columns - BAR_CHARACTERS - 2))}`);
  }
}

/** One line from time to time, for a log. */
class PlainLines implements Progress {
  readonly #output: Output;
  readonly #clock: Clock;
  readonly #pace = new Pace();
  #last: { readonly atMs: number; readonly text: string } | null = null;

  constructor(output: Output, clock: Clock) {
    this.#output = output;
    this.#clock = clock;
  }

  update(batch: Batch): void {
    const nowMs = this.#clock.monotonicMs();
    const text = `${stateWord(batch)} ${facts(batch, this.#pace.leftMs(batch, nowMs))}`;
    const due =
      this.#last === null || nowMs - this.#last.atMs >= PLAIN_INTERVAL_MS || settled(batch) === batch.counts.total;
    if (!due || text === this.#last?.text) return;
    this.#last = { atMs: nowMs, text };
    this.#output.note(`${batch.id} ${text}`);
  }

  stop(): void {
    // Lines in a log stay.
  }
}

/** A bar where stderr is a terminal, plain lines elsewhere. */
export function startProgress(output: Output, clock: Clock): Progress {
  return output.canDraw ? new Bar(output, clock) : new PlainLines(output, clock);
}

/** `60 videos for at most 2,940 credits ($29.40)`. */
export function batchSize(batch: Batch): string {
  return `${plural(batch.counts.total, 'video')} for at most ${credits(batch.credits.reserved)}`;
}
