import type { AccountUuid, BatchUuid, EndpointUuid } from '@rushes/contract';
import { expect, it } from 'vitest';
import { createAccount } from '../src/accounts/index.ts';
import { findBatchRow } from '../src/batches/find-batches.ts';
import type { Queryable } from '../src/db/index.ts';
import { credits } from '../src/ledger/index.ts';
import { systemRandom } from '../src/system/index.ts';
import { getEndpoint } from '../src/webhooks/index.ts';
import type { TaskKey } from '../src/worker/task.ts';
import { testUuid } from './test-uuid.ts';

const account: AccountUuid = testUuid();
const batch: BatchUuid = testUuid();
const endpoint: EndpointUuid = testUuid();

/** Never called: the compiler is what tests these. */
export const mistakes = {
  // @ts-expect-error the batch in the place of the account
  swapped: (db: Queryable) => findBatchRow(db, batch, account),
  // @ts-expect-error a batch in the place of an endpoint
  otherKind: (db: Queryable) => getEndpoint(db, account, batch),
  // @ts-expect-error text that nobody has read as an id
  text: (db: Queryable) => credits(db, 'acct_2k1Kx2ZtPq7wYc9RDfVh3T'),
  // @ts-expect-error a uuid without a kind
  raw: (db: Queryable) => credits(db, systemRandom.uuid()),
  // @ts-expect-error the account and the batch of a task, swapped
  task: (): TaskKey => ({ accountUuid: batch, batchUuid: account, index: 0 }),
  // @ts-expect-error the uuid of an account is not that of a batch
  made: async (...given: Parameters<typeof createAccount>): Promise<BatchUuid> => createAccount(...given),
};

it('uuids are told apart by the compiler alone: at run time they are text', () => {
  expect([account, batch, endpoint].map((uuid) => typeof uuid)).toEqual(['string', 'string', 'string']);
});
