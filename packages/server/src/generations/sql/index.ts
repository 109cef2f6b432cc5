import type { RoomSchema } from '../../db/index.ts';
import { tables } from './0001_tables.ts';
import { confirmSubmissions } from './confirm-submissions.ts';
import { dropCallbacks } from './drop-callbacks.ts';
import { receiveCallback } from './receive-callback.ts';
import { takeCallbacks } from './take-callbacks.ts';

/**
 * What generations cost, and what upstreams post about our submissions. That is unsigned, so nothing of it counts before a
 * poll of the id agrees: it waits in upstream_callbacks until the task's holder, or anybody once nobody holds it, has asked.
 */
export const schema: RoomSchema = {
  name: 'generations',
  after: [],
  migrations: [tables],
  tables: { upstream_costs: 'open', upstream_callbacks: 'functions' },
  views: [],
  functions: [receiveCallback, takeCallbacks, confirmSubmissions, dropCallbacks],
};
