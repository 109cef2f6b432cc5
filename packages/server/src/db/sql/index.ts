import type { RoomSchema } from '../room-schema.ts';
import { clockAndTriggers } from './0001_clock_and_triggers.ts';

/** What every room's tables and functions stand on: the clock, and the refusal to change rows. */
export const schema: RoomSchema = {
  name: 'db',
  after: [],
  migrations: [clockAndTriggers],
  tables: {},
  views: [],
  functions: [],
};
