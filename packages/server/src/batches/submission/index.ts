export { lineAndColumn, parseJson } from './json-text.ts';
export { parseSubmission, SUBMISSION_MEDIA_TYPES, type SubmissionRequest } from './parse-submission.ts';
export type { Submission, SubmittedItem } from './submission.ts';
