import { Rushes } from '../src/client.ts';
import { AbortError } from '../src/errors.ts';
import type { Ports } from '../src/transport/ports.ts';
import type { RushesOptions } from '../src/transport/settings.ts';
import type { Batch, TaskResult } from '../src/types.ts';

export const API_KEY = `rk_test_${'k'.repeat(82)}`;

export interface FakePorts extends Ports {
  readonly sleeps: number[];
}

/** Waiting takes no time and is written down; the clock moves by what was waited for. */
export function fakePorts(onSleep: (ms: number) => void = () => undefined): FakePorts {
  const sleeps: number[] = [];
  const startedAt = performance.now();
  let waitedMs = 0;
  let uuids = 0;
  return {
    sleeps,
    monotonicMs: () => performance.now() - startedAt + waitedMs,
    nowMs: () => Date.now() + waitedMs,
    fraction: () => 0.5,
    uuid: () => `00000000-0000-4000-8000-${String((uuids += 1)).padStart(12, '0')}`,
    sleep: async (ms, signal) => {
      sleeps.push(ms);
      onSleep(ms);
      if (signal?.aborted === true) throw new AbortError('aborted', { cause: signal.reason });
      waitedMs += ms;
    },
  };
}

export function clientFor(baseUrl: string, options: RushesOptions = {}, ports: Ports = fakePorts()): Rushes {
  return new Rushes({ apiKey: API_KEY, baseUrl, ...options }, ports);
}

export function aBatch(change: Partial<Batch> = {}): Batch {
  return {
    id: 'bat_1',
    request_id: 'r-1',
    model: 'sora-2',
    status: 'queued',
    paused: false,
    canceling: false,
    counts: { total: 10, queued: 10, processing: 0, succeeded: 0, failed: 0, canceled: 0 },
    credits: { unit_price: 49, reserved: 490, held: 490, charged: 0, refunded: 0, forfeited: 0 },
    metadata: {},
    retry_of: null,
    failure_summary: {},
    created_at: '2026-11-21T00:00:00.000Z',
    started_at: null,
    finished_at: null,
    deadline_at: '2026-11-28T00:00:00.000Z',
    ...change,
  };
}

export function aTask(index: number, change: Partial<TaskResult> = {}): TaskResult {
  return {
    id: `tsk_${index}`,
    batch_id: 'bat_1',
    index,
    custom_id: null,
    prompt: `提示 ${index} 🎬`,
    params: {},
    status: 'queued',
    attempts: 0,
    failure: null,
    credits: { charged: 0, refunded: 0, forfeited: 0 },
    video: null,
    created_at: '2026-11-21T00:00:00.000Z',
    started_at: null,
    finished_at: null,
    ...change,
  };
}

export const TEN_ITEMS = Array.from({ length: 10 }, (_, at) => ({ prompt: `prompt ${at}` }));
