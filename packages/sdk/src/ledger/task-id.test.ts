import { expect, test } from 'vitest';
import { base58, batchId, ledgerOf } from '../../test/ledger-reference.ts';
import { fromBase58, toBase58 } from './base58.ts';
import { TaskIds } from './task-id.ts';

test('base58 is that of a second implementation, zeros in front included, and comes back', () => {
  for (let number = 0; number < 500; number += 1) {
    const length = number % 26;
    const bytes = Uint8Array.from({ length }, (_, at) => (at < number % 7 ? 0 : (number * 167 + at * 89) & 0xff));
    expect(toBase58(bytes)).toBe(length === 0 ? '' : base58(bytes));
    expect(fromBase58(toBase58(bytes), length)).toEqual(bytes);
  }
  for (const text of ['0', 'l', 'zzzzzzz', '1111', '']) expect(fromBase58(text, 3)).toBe(null);
});

test('the id of a task follows from its batch and index', () => {
  for (const index of [0, 1, 255, 256, 9_999, 1_048_575]) {
    const [entry] = ledgerOf([{ kind: 'charge', amount: 1, batch: 5, task: index }]);
    expect(new TaskIds().of(batchId(5), index)).toBe(entry!.task_id);
  }
  expect(new TaskIds().of('bat_0', 1)).toBe(null);
});
