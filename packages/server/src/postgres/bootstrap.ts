/** What every cluster has before the first migration: the database and the application's login role. */
import { Client, DatabaseError } from 'pg';
import type { ClusterState } from './state-file.ts';

export const DATABASE = 'rushes';
export const SUPERUSER = 'postgres';
/** May log in and nothing else; migrations grant it the application's role. */
export const LOGIN_ROLE = 'rushes_login';

export function urlFor(role: string, password: string, port: number, database: string): string {
  return `postgres://${role}:${password}@127.0.0.1:${String(port)}/${database}`;
}

/** Idempotent. `state.port` is where Postgres listens. Passwords consist of characters that need no quoting. */
export async function bootstrap(state: ClusterState, port: number): Promise<void> {
  await withClient(urlFor(SUPERUSER, state.superuserPassword, port, 'postgres'), async (admin) => {
    const databases = await admin.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE]);
    if (databases.rowCount === 0) await admin.query(`CREATE DATABASE ${DATABASE}`);
    const roles = await admin.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [LOGIN_ROLE]);
    if (roles.rowCount === 0) await admin.query(`CREATE ROLE ${LOGIN_ROLE} LOGIN PASSWORD '${state.loginPassword}'`);
    else if (!(await knowsLoginPassword(state, port))) {
      await admin.query(`ALTER ROLE ${LOGIN_ROLE} LOGIN PASSWORD '${state.loginPassword}'`);
    }
  });
}

async function knowsLoginPassword(state: ClusterState, port: number): Promise<boolean> {
  try {
    await withClient(urlFor(LOGIN_ROLE, state.loginPassword, port, 'postgres'), async () => undefined);
    return true;
  } catch (error) {
    if (error instanceof DatabaseError && error.code?.startsWith('28') === true) return false;
    throw error;
  }
}

async function withClient(url: string, use: (client: Client) => Promise<void>): Promise<void> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await use(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
