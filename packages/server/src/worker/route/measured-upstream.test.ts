import { expect, it } from 'vitest';
import { ManualClock } from '../../../testing/manual-clock.ts';
import { createMetricRegistry } from '../../metrics/index.ts';
import type { LookUpResult, PollResult, SubmitResult, Upstream } from '../../upstreams/index.ts';
import { measured } from './measured-upstream.ts';

/** An adapter whose methods stand on a prototype and need their `this`. */
class ClassAdapter implements Upstream {
  readonly name = 'class';
  readonly #known = 'id-1';
  get resultLifetimeMs(): number {
    return this.#known.length;
  }
  submit(): Promise<SubmitResult> {
    return Promise.resolve({ kind: 'accepted', upstreamId: this.#known });
  }
  poll(upstreamId: string): Promise<PollResult> {
    return Promise.resolve(
      upstreamId === this.#known ? { kind: 'running', progress: null } : { kind: 'unavailable', detail: 'try later' },
    );
  }
  pollMany(upstreamIds: readonly string[]): Promise<readonly PollResult[]> {
    return Promise.all(upstreamIds.map((id) => this.poll(id)));
  }
  lookUp(token: string): Promise<LookUpResult> {
    return Promise.resolve(
      token === 'token' ? { kind: 'found', upstreamId: this.#known } : { kind: 'cannot_tell', detail: 'try later' },
    );
  }
  parseCallback(): { readonly upstreamId: string; readonly result: PollResult } {
    return { upstreamId: this.#known, result: { kind: 'running', progress: null } };
  }
}

const generation = { model: 'm', prompt: 'p', params: {}, token: 'token' };

it('an adapter written as a class keeps every method it has', async () => {
  const upstream = measured(new ClassAdapter(), 'r', createMetricRegistry().metrics, new ManualClock());
  expect(upstream.name).toBe('class');
  expect(upstream.resultLifetimeMs).toBe(4);
  expect(await upstream.submit(generation)).toEqual({ kind: 'accepted', upstreamId: 'id-1' });
  expect(await upstream.poll('id-1')).toEqual({ kind: 'running', progress: null });
  expect(await upstream.pollMany?.(['id-1'])).toEqual([{ kind: 'running', progress: null }]);
  expect(await upstream.lookUp?.('token')).toEqual({ kind: 'found', upstreamId: 'id-1' });
  expect(upstream.parseCallback?.(new Uint8Array())?.upstreamId).toBe('id-1');
});

it('an adapter that cannot look up, answer for many or be called back is not given these methods', () => {
  const { name, resultLifetimeMs, submit, poll } = new ClassAdapter();
  const plain = { name, resultLifetimeMs, submit, poll };
  const upstream = measured(plain, 'r', createMetricRegistry().metrics, new ManualClock());
  expect([upstream.pollMany, upstream.lookUp, upstream.parseCallback]).toEqual([undefined, undefined, undefined]);
});

it('every kind of call is counted by what it came to, and timed', async () => {
  const registry = createMetricRegistry();
  const upstream = measured(new ClassAdapter(), 'r', registry.metrics, new ManualClock());
  await upstream.submit(generation);
  await upstream.poll('id-1');
  await upstream.pollMany?.(['id-1', 'id-2']);
  await upstream.pollMany?.(['id-2', 'id-3']);
  await upstream.lookUp?.('token');
  await upstream.lookUp?.('another');
  const lines = (await registry.read()).split('\n');
  for (const [call, result] of [
    ['submit', 'accepted'],
    ['poll', 'running'],
    ['poll_many', 'answered'],
    ['poll_many', 'unavailable'],
    ['look_up', 'found'],
    ['look_up', 'cannot_tell'],
  ]) {
    expect(lines).toContain(`rushes_upstream_calls_total{route="r",call="${call}",result="${result}"} 1`);
  }
  expect(lines).toContain('rushes_upstream_call_seconds_count{route="r",call="poll_many"} 2');
  expect(lines).toContain('rushes_upstream_call_seconds_count{route="r",call="look_up"} 2');
});
