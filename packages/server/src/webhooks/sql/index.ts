import type { RoomSchema } from '../../db/index.ts';
import { tables } from './0001_tables.ts';
import { appendBatchEvents } from './append-batch-events.ts';
import { appendEvent } from './append-event.ts';
import { taskEventData } from './task-event-data.ts';
import { writeBatchEvents } from './write-batch-events.ts';

export const schema: RoomSchema = {
  name: 'webhooks',
  after: ['db', 'accounts'],
  migrations: [tables],
  tables: {
    events: 'functions',
    webhook_endpoints: 'open',
    webhook_deliveries: 'open',
    webhook_attempts: 'insert',
  },
  views: [],
  functions: [appendEvent, writeBatchEvents, appendBatchEvents, taskEventData],
};
