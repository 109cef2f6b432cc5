/** The closed list of problem codes. Names are stable for ever; HTTP status and title belong to the code. */
export const ERROR_CODES = {
  unauthorized: { status: 401, title: 'No valid API key' },
  forbidden: { status: 403, title: 'Not allowed' },
  not_found: { status: 404, title: 'Not found' },
  method_not_allowed: { status: 405, title: 'Method not allowed' },
  unsupported_media_type: { status: 415, title: 'Unsupported media type' },
  payload_too_large: { status: 413, title: 'Request body too large' },
  invalid_request: { status: 400, title: 'Invalid request' },
  invalid_items: { status: 400, title: 'Some items are invalid' },
  invalid_csv: { status: 400, title: 'The CSV cannot be read' },
  request_timeout: { status: 408, title: 'The request took too long to arrive' },
  headers_too_large: { status: 431, title: 'Request line or headers too large' },
  link_expired: { status: 410, title: 'The link has expired' },
  range_not_satisfiable: { status: 416, title: 'The range is outside the video' },
  request_id_conflict: { status: 422, title: 'This request_id was used for another request' },
  price_changed: { status: 409, title: 'The price has changed' },
  state_conflict: { status: 409, title: 'Not possible in the current state' },
  model_retired: { status: 409, title: 'The model is retired' },
  insufficient_credits: { status: 402, title: 'Not enough credits' },
  spend_limit_exceeded: { status: 402, title: 'The batch costs more than its spend limit' },
  account_in_debt: { status: 402, title: 'The account is in debt' },
  account_suspended: { status: 403, title: 'The account is suspended' },
  account_blocked: { status: 402, title: 'New reservations of this account are blocked' },
  rate_limited: { status: 429, title: 'Too many requests' },
  abnormal_usage: { status: 429, title: 'Throttled for abnormal use' },
  internal_error: { status: 500, title: 'Internal error' },
  unavailable: { status: 503, title: 'Temporarily unavailable' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** Codes of single items inside `errors[]` of invalid_items, invalid_request and invalid_csv. */
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
