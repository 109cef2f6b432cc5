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
  '53300', // too_many_connections
  '55P03', // lock_not_available
  '57014', // query_canceled: statement_timeout
  '25P03', // idle_in_transaction_session_timeout
]);

/** The database is away, starting, overloaded or gave up waiting: the same call may work later. */
export function isUnavailable(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== null && (CONNECTION_CODES.has(state) || state.startsWith('08'))) return true;
  // node-postgres reports a connection that broke under a statement, or could not be had, without a code.
  return (
    error instanceof Error &&
    /connection (terminated|ended|timeout)|timeout exceeded when trying to connect|Client has encountered a connection error/i.test(
      error.message,
    )
  );
}
