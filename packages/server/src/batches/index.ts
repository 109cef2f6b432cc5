export { createBatchService, type BatchService } from './service.ts';
export {
  lineAndColumn,
  parseJson,
  parseSubmission,
  SUBMISSION_MEDIA_TYPES,
  type Submission,
} from './submission/index.ts';
