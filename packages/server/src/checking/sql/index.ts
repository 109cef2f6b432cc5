import type { RoomSchema } from '../../db/index.ts';
import { tables } from './0001_tables.ts';

export const schema: RoomSchema = {
  name: 'checking',
  after: [],
  migrations: [tables],
  tables: { ledger_checks: 'insert' },
  views: [],
  functions: [],
};
