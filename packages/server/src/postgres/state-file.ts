/**
 * `<data-dir>/postgres.json`, mode 0600: the passwords of the cluster's two login roles and the port it was last
 * started on. Written before the cluster is made, so that a cluster without its passwords means somebody removed them.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { explained, systemErrorCode, writeFileDurably } from '../data-directory/index.ts';
import { EmbeddedPostgresError } from './error.ts';

const stateSchema = z.object({
  format: z.literal(1),
  superuserPassword: z.string().min(1),
  loginPassword: z.string().min(1),
  /** Null until the first start. */
  port: z.number().int().min(1).max(65_535).nullable(),
});

export type ClusterState = Readonly<z.infer<typeof stateSchema>>;

function stateFile(dataDir: string): string {
  return path.join(dataDir, 'postgres.json');
}

/** Null when there is none. Throws EmbeddedPostgresError when it is not ours or damaged. */
export function readState(dataDir: string): ClusterState | null {
  const file = stateFile(dataDir);
  let text: string;
  try {
    text = explained(file, () => readFileSync(file, 'utf8'));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return null;
    throw error;
  }
  try {
    return stateSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new EmbeddedPostgresError(
      `${file} is damaged: remove it, and the next start sets new passwords for the existing database.`,
      { cause: error },
    );
  }
}

export function writeState(dataDir: string, state: ClusterState): void {
  writeFileDurably(stateFile(dataDir), `${JSON.stringify(state, null, 2)}\n`);
}

/** 192 random bits each, in an alphabet that needs no quoting in SQL or in a URL. */
export function newState(): ClusterState {
  return { format: 1, superuserPassword: randomPassword(), loginPassword: randomPassword(), port: null };
}

function randomPassword(): string {
  return randomBytes(24).toString('base64url');
}
