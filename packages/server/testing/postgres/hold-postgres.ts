/**
 * A process that uses the embedded database until its standard input says `close`, for tests that kill it. Options come
 * as JSON in the first argument; a line of JSON on standard output tells what became of it.
 */
import { once } from 'node:events';
import { silentLogger } from '../silent-logger.ts';
import { openEmbeddedPostgres } from '../../src/postgres/open.ts';

export interface HolderOptions {
  readonly dataDir: string;
  readonly systemStateDir?: string;
  readonly systemCacheDir?: string;
  readonly nativeDir?: string;
}

export type HolderReport =
  | { readonly kind: 'open'; readonly adminUrl: string; readonly appUrl: string; readonly owned: boolean }
  | { readonly kind: 'failed'; readonly name: string; readonly message: string };

function report(line: HolderReport): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

// A Ctrl-C in the terminal reaches the whole process group; what is tested is that Postgres is not in it.
process.on('SIGINT', () => undefined);
try {
  const options = JSON.parse(process.argv[2] ?? '') as HolderOptions;
  const postgres = await openEmbeddedPostgres({ ...options, logger: silentLogger });
  report({ kind: 'open', adminUrl: postgres.adminUrl, appUrl: postgres.appUrl, owned: postgres.owned });
  await once(process.stdin, 'data');
  await postgres.close();
} catch (error) {
  report({ kind: 'failed', name: (error as Error).name, message: (error as Error).message });
}
process.stdin.destroy();
