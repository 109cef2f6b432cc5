/** The facts of a problem code: its HTTP status, its title, and whether the same request may succeed later. */
interface ErrorCodeFacts {
  readonly status: number;
  readonly title: string;
  /** Sending the same request again, unchanged, may succeed. Every problem answer says it as `x-should-retry`. */
  readonly retryable: boolean;
}

/** The closed list of problem codes. Names are stable for ever; status, title and retryability belong to the code. */
export const ERROR_CODES = {
  unauthorized: { status: 401, title: 'No valid API key', retryable: false },
  forbidden: { status: 403, title: 'Not allowed', retryable: false },
  not_found: { status: 404, title: 'Not found', retryable: false },
  method_not_allowed: { status: 405, title: 'Method not allowed', retryable: false },
  unsupported_media_type: { status: 415, title: 'Unsupported media type', retryable: false },
  payload_too_large: { status: 413, title: 'Request body too large', retryable: false },
  invalid_request: { status: 400, title: 'Invalid request', retryable: false },
  invalid_items: { status: 400, title: 'Some items are invalid', retryable: false },
  invalid_csv: { status: 400, title: 'The CSV cannot be read', retryable: false },
  request_timeout: { status: 408, title: 'The request took too long to arrive', retryable: true },
  headers_too_large: { status: 431, title: 'Request line or headers too large', retryable: false },
  link_expired: { status: 410, title: 'The link has expired', retryable: false },
  range_not_satisfiable: { status: 416, title: 'The range is outside the video', retryable: false },
  request_id_conflict: { status: 422, title: 'This request_id was used for another request', retryable: false },
  price_changed: { status: 409, title: 'The price has changed', retryable: false },
  state_conflict: { status: 409, title: 'Not possible in the current state', retryable: false },
  model_retired: { status: 409, title: 'The model is retired', retryable: false },
  insufficient_credits: { status: 402, title: 'Not enough credits', retryable: false },
  spend_limit_exceeded: { status: 402, title: 'The batch costs more than its spend limit', retryable: false },
  account_in_debt: { status: 402, title: 'The account is in debt', retryable: false },
  account_suspended: { status: 403, title: 'The account is suspended', retryable: false },
  account_blocked: { status: 402, title: 'This account cannot reserve credits', retryable: false },
  rate_limited: { status: 429, title: 'Too many requests', retryable: true },
  abnormal_usage: { status: 429, title: 'Slowed down because of abnormal use', retryable: true },
  internal_error: { status: 500, title: 'Internal error', retryable: true },
  unavailable: { status: 503, title: 'Temporarily unavailable', retryable: true },
} as const satisfies Record<string, ErrorCodeFacts>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** Codes in `errors[]` of the problems invalid_items, invalid_request and invalid_csv. */
export const ITEM_ERROR_CODES = [
  'required',
  'wrong_type',
  'blank',
  'too_long',
  'too_few',
  'too_many',
  'out_of_range',
  'bad_format',
  'duplicate',
  'unknown_name',
  'unknown_value',
  'forbidden_character',
  'not_supported',
  'bad_syntax',
] as const;

export type ItemErrorCode = (typeof ITEM_ERROR_CODES)[number];
