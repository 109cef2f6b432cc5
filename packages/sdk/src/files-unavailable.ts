import { RushesError } from './rushes-error.ts';

/** Stands in for the file functions where there is no file system. */
export function downloadVideo(): never {
  throw new RushesError(
    'videos.download writes files, and this runtime has none: use videos.stream, or run it on Node, Bun or Deno.',
  );
}
