/** The exit codes. Scripts rely on them, so a number never gets another meaning. */
export const EXIT = {
  success: 0,
  failed: 1,
  usage: 2,
  auth: 3,
  insufficientCredits: 4,
  notFound: 5,
  rateLimited: 6,
  conflict: 7,
  network: 8,
  partial: 68,
  stillRunning: 69,
  canceled: 70,
  interrupted: 130,
} as const;

/** One of the exit codes. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

interface ExitMeaning {
  readonly code: ExitCode;
  readonly name: string;
  readonly meaning: string;
}

/** What `rushes help exit-codes` shows. */
export const EXIT_MEANINGS: readonly ExitMeaning[] = [
  { code: EXIT.success, name: 'success', meaning: 'done; with --wait: every video succeeded' },
  {
    code: EXIT.failed,
    name: 'failed',
    meaning: 'no video of the batch succeeded, or the command failed in another way',
  },
  {
    code: EXIT.usage,
    name: 'usage',
    meaning: 'wrong flags or input: bad rows, an unknown model, or nobody could confirm',
  },
  { code: EXIT.auth, name: 'auth', meaning: 'the API key is missing, wrong, or not allowed to do this' },
  {
    code: EXIT.insufficientCredits,
    name: 'insufficient_credits',
    meaning:
      'too few credits, or more than --spend-limit; nothing was reserved; with enough credits the same command works',
  },
  { code: EXIT.notFound, name: 'not_found', meaning: 'the batch or another object does not exist in this account' },
  { code: EXIT.rateLimited, name: 'rate_limited', meaning: 'too many requests, even after the retries' },
  {
    code: EXIT.conflict,
    name: 'conflict',
    meaning: 'not possible now: the price changed, the batch is final, or the request_id belongs to another submission',
  },
  {
    code: EXIT.network,
    name: 'network',
    meaning: 'the server cannot be reached or could not answer; run the command again',
  },
  { code: EXIT.partial, name: 'partial', meaning: 'the batch ended and some of its videos failed' },
  {
    code: EXIT.stillRunning,
    name: 'still_running',
    meaning: 'the batch is paused, or was not final within --wait-timeout; it continues',
  },
  { code: EXIT.canceled, name: 'canceled', meaning: 'the batch was canceled' },
  { code: EXIT.interrupted, name: 'interrupted', meaning: 'Ctrl-C or SIGTERM; a submitted batch continues' },
];
