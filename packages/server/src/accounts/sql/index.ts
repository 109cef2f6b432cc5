import type { RoomSchema } from '../../db/index.ts';
import { tables } from './0001_tables.ts';

export const schema: RoomSchema = {
  name: 'accounts',
  after: ['db'],
  migrations: [tables],
  tables: { accounts: 'open', api_keys: 'open', idempotency_keys: 'open' },
  views: [],
  functions: [],
};
