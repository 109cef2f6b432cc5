/** PostgreSQL error classes that the rooms tell apart (appendix A of its manual). */
function sqlState(error: unknown): string | null {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return null;
}

/** The transaction was rolled back through no fault of its own: serialization failure or deadlock. */
export function isTransient(error: unknown): boolean {
  const state = sqlState(error);
  return state === '40001' || state === '40P01';
}

/** A lock was not granted within `lock_timeout`: somebody holds the row for long. */
export function isLockTimeout(error: unknown): boolean {
  return sqlState(error) === '55P03';
}

/** No answer came within the client's own time limit; the connection still waits for it and is of no more use. */
export function isAnswerMissing(error: unknown): error is Error {
  return error instanceof Error && error.message === 'Query read timeout';
}

const CONNECTION_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOENT',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'ENOTFOUND',
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
  '55P03', // lock_not_available
  '57014', // query_canceled: statement_timeout
  '25P03', // idle_in_transaction_session_timeout
  '25006', // read_only_sql_transaction: connected to what is a standby since the failover
  '57P05', // idle_session_timeout
  '58030', // io_error
]);

/** The database is away, starting, overloaded, out of disk or memory, or gave up waiting: the same call may work later. */
export function isUnavailable(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== null && (CONNECTION_CODES.has(state) || state.startsWith('08') || state.startsWith('53'))) return true;
  if (isAnswerMissing(error)) return true;
  // node-postgres reports a connection that broke under a statement, or could not be had, without a code.
  return (
    error instanceof Error &&
    /connection (terminated|ended|timeout)|timeout exceeded when trying to connect|Client has encountered a connection error/i.test(
      error.message,
    )
  );
}
