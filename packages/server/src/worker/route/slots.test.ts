import { expect, it } from 'vitest';
import { settleMicrotasks } from '../../../testing/manual-clock.ts';
import { Slots } from './slots.ts';

it('no more than so many have a slot at once, and the others get theirs in their order', async () => {
  const slots = new Slots(3);
  const begun: number[] = [];
  let at = 0;
  let most = 0;
  const work = async (n: number): Promise<void> => {
    await slots.take();
    begun.push(n);
    at += 1;
    most = Math.max(most, at);
    await settleMicrotasks();
    at -= 1;
    slots.give();
  };
  const numbers = Array.from({ length: 3_000 }, (_, n) => n);
  await Promise.all(numbers.map(work));
  expect(begun).toEqual(numbers);
  expect(most).toBe(3);
  expect([slots.take(), slots.take(), slots.take()]).toEqual([null, null, null]);
  expect(slots.take()).not.toBeNull();
});
