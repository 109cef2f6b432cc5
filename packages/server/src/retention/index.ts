import { purgeIdempotencyKeys } from '../accounts/index.ts';
import type { Queryable } from '../db/index.ts';
import { every, startLoop, type Loop } from '../loop/index.ts';
import type { Clock, Logger } from '../ports.ts';
import type { FileStorage } from '../videos/index.ts';

const PERIOD_MS = 3_600_000;
/** Rows one statement deletes, so that it holds its locks for milliseconds. */
const PURGE_ROWS = 1_000;
/** No video takes a day to arrive: an older temporary file is what a crash left. */
const STRAY_FILE_AGE_MS = 24 * 3_600_000;

/** Cleans up once an hour: removes request_ids after 72 hours, and the temporary files of interrupted downloads. */
export function startHousekeeping(deps: {
  readonly db: Queryable;
  readonly storage: FileStorage;
  readonly clock: Clock;
  readonly logger: Logger;
}): Loop {
  const { db, storage, clock, logger } = deps;
  return startLoop({
    clock,
    logger,
    doing: 'housekeeping',
    ...every(PERIOD_MS, async (stopping) => {
      let purged = PURGE_ROWS;
      while (purged === PURGE_ROWS && !stopping.aborted) purged = await purgeIdempotencyKeys(db, PURGE_ROWS);
      await storage.removeStrayTemporaryFiles(new Date(clock.now().getTime() - STRAY_FILE_AGE_MS));
    }),
  });
}
