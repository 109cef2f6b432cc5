import { RushesError } from '../rushes-error.ts';

/** Why a webhook was not accepted. */
export type VerificationFailure =
  | 'body_not_raw'
  | 'missing_header'
  | 'repeated_header'
  | 'bad_timestamp'
  | 'outside_tolerance'
  | 'bad_secret'
  | 'bad_signature'
  | 'bad_payload';

/** The request could not be verified, so it may not come from the server. Answer it with 400 and do nothing else. */
export class WebhookVerificationError extends RushesError {
  static {
    this.prototype.name = 'WebhookVerificationError';
  }
  readonly reason: VerificationFailure;

  constructor(reason: VerificationFailure, message: string) {
    super(message);
    this.reason = reason;
  }
}
