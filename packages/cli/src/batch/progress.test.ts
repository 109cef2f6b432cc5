import { PassThrough } from 'node:stream';
import type { Batch } from '@rushes/sdk';
import { expect, test } from 'vitest';
import type { Clock } from '../context.ts';
import { Output } from '../output/output.ts';
import { startProgress } from './progress.ts';

/** A clock that the test turns, with at most one repeating timer on it. */
function manualClock(): { clock: Clock; advance: (ms: number) => void } {
  let nowMs = 0;
  let timer: { everyMs: number; act: () => void } | null = null;
  const clock = {
    monotonicMs: () => nowMs,
    every: (everyMs: number, act: () => void) => {
      timer = { everyMs, act };
      return () => (timer = null);
    },
  } as unknown as Clock;
  const advance = (ms: number): void => {
    for (const end = nowMs + ms; nowMs < end;) {
      nowMs = Math.min(end, nowMs + (timer?.everyMs ?? ms));
      timer?.act();
    }
  };
  return { clock, advance };
}

function batchWith(succeeded: number, failed: number): Batch {
  return {
    id: 'bat_1',
    status: 'processing',
    paused: false,
    canceling: false,
    counts: { total: 200, queued: 0, processing: 200 - succeeded - failed, succeeded, failed, canceled: 0 },
    credits: { unit_price: 49, reserved: 9_800, held: 0, charged: succeeded * 49, refunded: 0, forfeited: 0 },
    finished_at: null,
  } as unknown as Batch;
}

function outputOn(terminal: object): { output: Output; written: () => string } {
  const stream = Object.assign(new PassThrough(), terminal);
  const output = new Output({ stdout: new PassThrough(), stderr: stream, environment: {}, exit: () => undefined });
  return { output, written: () => String(stream.read() ?? '') };
}

test('in a log there is a line at the start, then seldom, each whole and without codes', () => {
  const { output, written } = outputOn({});
  const { clock, advance } = manualClock();
  const progress = startProgress(output, clock);
  progress.update(batchWith(0, 0));
  advance(5_000);
  progress.update(batchWith(10, 0));
  advance(10_000);
  progress.update(batchWith(50, 10));
  progress.stop();
  expect(written().split('\n')).toEqual([
    'bat_1 processing 0/200 0%, 0 succeeded, charged 0',
    'bat_1 processing 60/200 30%, 50 succeeded, 10 failed, charged 2,450, about 35s left',
    '',
  ]);
});

test('in a terminal one line is drawn over, never wider than the terminal, and taken away at the end', () => {
  for (const columns of [0, 40, 200]) {
    const { output, written } = outputOn({ isTTY: true, columns });
    const { clock, advance } = manualClock();
    const progress = startProgress(output, clock);
    progress.update(batchWith(0, 0));
    advance(10_000);
    progress.update(batchWith(100, 0));
    progress.stop();
    const frames = written().split('\r\u001b[2K');
    expect(frames.at(-1)).toBe('');
    const shown = frames.at(-2)!.replaceAll(/\u001b\[\d+m/g, '');
    expect(shown).toContain('█'.repeat(12) + '░'.repeat(12));
    expect(shown).toContain('100/200 50%');
    expect(shown.length).toBeLessThan(columns === 0 ? 80 : columns);
    expect(shown).not.toContain('\n');
  }
});
