export { lineAndColumn, parseJson } from './json-text.ts';
export { parseSubmission, SUBMISSION_MEDIA_TYPES } from './parse-submission.ts';
export type { Submission } from './submission.ts';
