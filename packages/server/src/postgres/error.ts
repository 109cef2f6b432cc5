import { ExplainedError } from '../outcome/index.ts';

/** The embedded PostgreSQL cannot be had. The message names the thing that is wrong and what to do next. */
export class EmbeddedPostgresError extends ExplainedError {
  override readonly name = 'EmbeddedPostgresError';
}
