/** Asks whatever listens on a port whether it is the PostgreSQL of one cluster. */
import { realpathSync } from 'node:fs';
import { Client, DatabaseError } from 'pg';

/**
 * `ours`: it is, and takes connections. `not_yet`: a PostgreSQL that is starting or stopping. `wrong_password`: a
 * PostgreSQL that does not know our password. `other`: something else, or the PostgreSQL of another data directory.
 */
export type ProbeResult = 'ours' | 'not_yet' | 'wrong_password' | 'nobody' | 'other';

const PROBE_TIMEOUT_MS = 5_000;
/** SQLSTATE class 28 is authentication, 57P03 cannot_connect_now (PostgreSQL's Appendix A). */
const CANNOT_CONNECT_NOW = '57P03';

export async function probe(adminUrl: string, pgData: string): Promise<ProbeResult> {
  const client = new Client({
    connectionString: adminUrl,
    connectionTimeoutMillis: PROBE_TIMEOUT_MS,
    query_timeout: PROBE_TIMEOUT_MS,
  });
  // A connection that breaks after the answer must not end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory');
    return rows[0]?.data_directory === undefined || !isSame(rows[0].data_directory, pgData) ? 'other' : 'ours';
  } catch (error) {
    if (error instanceof DatabaseError) {
      if (error.code === CANNOT_CONNECT_NOW) return 'not_yet';
      return error.code?.startsWith('28') === true ? 'wrong_password' : 'other';
    }
    return error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED' ? 'nobody' : 'other';
  } finally {
    await client.end().catch(() => undefined);
  }
}

function isSame(reported: string, pgData: string): boolean {
  try {
    return realpathSync(reported) === pgData;
  } catch {
    return false;
  }
}
