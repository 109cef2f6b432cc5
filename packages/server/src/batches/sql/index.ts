import type { RoomSchema } from '../../db/index.ts';
import { tables } from './0001_tables.ts';
import { batchEndStatus } from './batch-end-status.ts';
import { closeBatch } from './close-batch.ts';
import { finalizeBatchCredits } from './finalize-batch-credits.ts';
import { pauseBatch } from './pause-batch.ts';
import { resumeBatch } from './resume-batch.ts';
import { startBatches } from './start-batches.ts';

export { MOVE_AND_END_BATCHES, TELL_ENDED_BATCHES } from './end-of-batch.ts';

/**
 * Batches and their tasks. Start, pause, resume, cancel and expire take the account row first, then the hold, then the
 * schedule row (which keeps claims away), and only then touch tasks.
 */
export const schema: RoomSchema = {
  name: 'batches',
  after: ['accounts'],
  migrations: [tables],
  tables: { batches: 'insert', tasks: 'insert', batch_failures: 'functions' },
  views: [],
  functions: [batchEndStatus, startBatches, pauseBatch, resumeBatch, closeBatch, finalizeBatchCredits],
};
