import { expect, it } from 'vitest';
import { silentLogger } from '../../../testing/silent-logger.ts';
import type { LeasedTask } from '../task.ts';
import type { PendingSubmission } from './attempt-store.ts';
import { CoalescerStopped } from './coalescer.ts';
import { createAfterSettlement, type AfterSettlementDeps, type Settlement } from './settlement.ts';
import type { SettleAnswer } from './settlement-store.ts';

const task = { accountUuid: 'a', batchUuid: 'b', index: 0, attempt: 0, timeoutMs: 1_000, model: 'm' } as LeasedTask;
const video = { key: 'a/b/0-1.mp4', bytes: 1, sha256: new Uint8Array(32), contentType: 'video/mp4' };

function setUp({ remove = () => Promise.resolve() }: { readonly remove?: () => Promise<void> } = {}) {
  const recorded: PendingSubmission[] = [];
  const removed: string[] = [];
  const left: LeasedTask[] = [];
  const deps: AfterSettlementDeps = {
    logger: silentLogger,
    submissions: { add: (item) => Promise.resolve(recorded.push(item) > 0) },
    storage: {
      remove(key) {
        removed.push(key);
        return remove();
      },
    },
    leave: (takenUp) => left.push(takenUp),
  };
  return { after: createAfterSettlement(deps), recorded, removed, left };
}

function succeeded(): Settlement {
  const submission = { task, upstreamId: 'id', isMoot: true };
  return { task: { ...task }, outcome: { kind: 'succeeded', video }, knownAtMs: 0, takenUp: task, submission };
}

it.each<SettleAnswer>(['late', 'lost'])(
  'a success that is answered "%s" leaves its id and frees its slot',
  async (answer) => {
    const { after, recorded, removed, left } = setUp();
    after.answered(succeeded(), answer);
    await expect.poll(() => left).toEqual([task]);
    expect(recorded).toMatchObject([{ upstreamId: 'id', isMoot: false }]);
    expect(removed).toEqual(answer === 'lost' ? [video.key] : []);
  },
);

it('a success that came too late leaves its id and frees its slot, although the storage does not let its video go', async () => {
  const { after, recorded, left } = setUp({ remove: () => Promise.reject(new Error('read-only')) });
  after.answered(succeeded(), 'lost');
  await expect.poll(() => left).toEqual([task]);
  expect(recorded).toMatchObject([{ upstreamId: 'id', isMoot: false }]);
});

it.each([new CoalescerStopped('stopped'), new Error('left out')])(
  'an outcome that is given up (%o) frees its slot, once',
  (reason) => {
    const { after, left } = setUp();
    const outcome = { kind: 'failed', type: 'provider_error', detail: 'x' } as const;
    after.givenUp({ task: { ...task }, outcome, knownAtMs: 0, takenUp: task, submission: null }, reason);
    expect(left).toHaveLength(1);
    expect(left[0]).toBe(task);
  },
);
