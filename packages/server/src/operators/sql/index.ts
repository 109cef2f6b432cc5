import type { RoomSchema } from '../../db/index.ts';
import { tables } from './0001_tables.ts';

export const schema: RoomSchema = {
  name: 'operators',
  after: ['db', 'accounts'],
  migrations: [tables],
  tables: { operator_keys: 'open', operator_actions: 'insert', operator_events: 'insert' },
  views: [],
  functions: [],
};
