export { ApiPromise, type WithResponse } from './api-promise.ts';
export { Rushes, Rushes as default } from './client.ts';
export {
  AbortError,
  APIError,
  type APIErrorDetails,
  AuthenticationError,
  BadRequestError,
  ConflictError,
  ConnectionError,
  DownloadError,
  InsufficientCreditsError,
  InternalServerError,
  InvalidResponseError,
  NotFoundError,
  PayloadTooLargeError,
  PaymentRequiredError,
  PermissionDeniedError,
  RateLimitError,
  TimeoutError,
  UnprocessableEntityError,
  UnsupportedMediaTypeError,
} from './errors.ts';
export { type ListParams, Page, PagePromise } from './page.ts';
export type { LedgerKeys } from './ledger/keys.ts';
export * from './resources/index.ts';
export { ResultsPromise } from './results.ts';
export { RushesError } from './rushes-error.ts';
export type { Ports } from './transport/ports.ts';
export type { RequestOptions } from './transport/request.ts';
export type { Logger, RushesOptions } from './transport/settings.ts';
export type * from './types.ts';
export type { UploadSource } from './upload.ts';
export { VERSION } from './version.ts';
export type { TaskWithVideo, VideoChunk, VideoStreamOptions } from './video-stream.ts';
export { isFinal, type WaitOptions, WaitTimeoutError } from './wait.ts';
export type { WebhookEvent, WebhookHeaders } from './webhooks/index.ts';
export { WebhookVerificationError } from './webhooks/index.ts';
export type { DownloadedVideo, DownloadVideoOptions } from './node/download-video.ts';
