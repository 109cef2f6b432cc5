export type { CreatedBatch } from './create-batch.ts';
export type { BatchFilter, BatchPage } from './find-batches.ts';
export type { TaskFilter, TaskPage } from './find-tasks.ts';
export { createBatchService, type BatchService, type BatchServiceDeps } from './service.ts';
export type { BatchCaller } from './account-check.ts';
export {
  lineAndColumn,
  parseJson,
  parseSubmission,
  SUBMISSION_MEDIA_TYPES,
  type Submission,
  type SubmissionRequest,
} from './submission/index.ts';
