import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Shape = 'landscape' | 'portrait';

const CLIPS_PER_SHAPE = 5;

/** Found from the sources and from the bundle alike: both lie somewhere below the package's root. */
export function clipsDirectory(from: string = import.meta.url): string {
  for (let folder = dirname(fileURLToPath(from)); ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest) && /"name":\s*"@rushes\/server"/.test(readFileSync(manifest, 'utf8'))) {
      return join(folder, 'assets', 'simulator-videos');
    }
    if (folder === dirname(folder)) throw new Error(`no package.json of @rushes/server above ${from}`);
  }
}

/** The clips of both shapes, read once: 300 kB at most. */
export class Clips {
  readonly #clips: ReadonlyMap<Shape, readonly Buffer[]>;

  constructor(directory: string = clipsDirectory()) {
    const read = (shape: Shape): readonly Buffer[] =>
      Array.from({ length: CLIPS_PER_SHAPE }, (_, index) =>
        readFileSync(join(directory, `${shape}-${String(index)}.mp4`)),
      );
    this.#clips = new Map([
      ['landscape', read('landscape')],
      ['portrait', read('portrait')],
    ]);
  }

  /**
   * The file for a prompt: one of the clips, chosen by the prompt's digest, with the digest in a `free` box behind it
   * (ISO/IEC 14496-12 section 8.1.2: players skip it), so that different prompts have different bytes.
   */
  video(promptKey: string, shape: Shape): Buffer {
    const digest = Buffer.from(promptKey, 'base64url');
    const clips = this.#clips.get(shape) ?? [];
    const clip = clips[digest.readUInt32BE(0) % CLIPS_PER_SHAPE];
    if (clip === undefined) throw new Error(`no clip of shape ${shape}`);
    const header = Buffer.alloc(8);
    header.writeUInt32BE(header.length + digest.length, 0);
    header.write('free', 4, 'latin1');
    return Buffer.concat([clip, header, digest]);
  }
}
