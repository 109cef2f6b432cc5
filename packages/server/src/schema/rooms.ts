// Written by `npm run generate` from the files that are there.
import type { RoomSchema } from '../db/index.ts';
import { schema as accounts } from '../accounts/sql/index.ts';
import { schema as batches } from '../batches/sql/index.ts';
import { schema as checking } from '../checking/sql/index.ts';
import { schema as db } from '../db/sql/index.ts';
import { schema as generations } from '../generations/sql/index.ts';
import { schema as ledger } from '../ledger/sql/index.ts';
import { schema as operators } from '../operators/sql/index.ts';
import { schema as sealing } from '../sealing/sql/index.ts';
import { schema as webhooks } from '../webhooks/sql/index.ts';
import { schema as worker } from '../worker/sql/index.ts';

export const ROOMS: readonly RoomSchema[] = [
  accounts,
  batches,
  checking,
  db,
  generations,
  ledger,
  operators,
  sealing,
  webhooks,
  worker,
];
