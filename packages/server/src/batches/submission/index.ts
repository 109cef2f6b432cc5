export { parseSubmission, SUBMISSION_MEDIA_TYPES, type SubmissionRequest } from './parse-submission.ts';
export type { Submission, SubmittedItem } from './submission.ts';
