import { RushesError } from './rushes-error.ts';

/** Replaces the file functions on runtimes without a file system. */
export function downloadVideo(): never {
  throw new RushesError(
    'videos.download writes files, and this runtime has no file system. Use videos.stream, or run on Node, Bun or Deno.',
  );
}
