/** Reads what PostgreSQL printed when it would not start. */

const ADVICE: readonly (readonly [pattern: RegExp, advice: string])[] = [
  [/No space left on device|Disk quota exceeded/, 'The disk is full: free some space and start again.'],
  [/Read-only file system/, 'The file system is read-only: set RUSHES_DATA_DIR to a directory that can be written.'],
  [
    /could not (create|open|write|access|change permissions).*Permission denied/,
    'PostgreSQL cannot access its files: start as the user who owns them.',
  ],
  [
    /initialized by PostgreSQL version/,
    'Another version of PostgreSQL created this database: use the release of Rushes that created it.',
  ],
  [
    /could not create shared memory segment|Cannot allocate memory|could not map anonymous shared memory/,
    'Not enough memory: PostgreSQL needs about 300 MB.',
  ],
  [
    /error while loading shared libraries|GLIBC_|cannot execute binary file/,
    'The PostgreSQL programs do not fit this system: set DATABASE_URL to a PostgreSQL 15 or newer.',
  ],
  [
    /incompatible with server|could not find the database system|could not locate a valid checkpoint record|invalid primary checkpoint record|could not read from control file|incorrect checksum in control file|could not open (file|directory) "(global|base|pg_)|is not a valid data directory|could not load \S*\.conf/,
    'The files of the database are damaged: restore a backup into another data directory.',
  ],
];

/** A sentence with a leading space that says what to do about `output`, or '' when nothing better is known than the text itself. */
export function adviceOn(output: string): string {
  const found = ADVICE.find(([pattern]) => pattern.test(output));
  return found === undefined ? '' : ` ${found[1]}`;
}

export function isPortTaken(output: string): boolean {
  return /could not bind IPv4 address|could not create any TCP\/IP sockets|Address already in use/.test(output);
}

/** Processes of a Postgres whose postmaster died are not all gone yet. */
export function isSharedMemoryInUse(output: string): boolean {
  return /pre-existing shared memory block/.test(output);
}
