/** Video storage in memory that fails, fills up and outlives every process. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { StoredVideo, VideoStorage } from '../../server/src/ports.ts';
import type { Chaos } from './chaos.ts';
import type { SimulatedProcess } from './process.ts';
import type { Outcome } from './sessions.ts';

const ROOMY_BYTES = 2 ** 40;
const FULL_BYTES = 1_000_000;

export class SimulatedDisk {
  readonly #chaos: Chaos;
  readonly files = new Map<string, Buffer>();
  /** Below the floor at which nothing new is dispatched. */
  isFull = false;

  constructor(chaos: Chaos) {
    this.#chaos = chaos;
  }

  /** The storage port of one process. */
  storage(process: SimulatedProcess): VideoStorage & { freeBytes(): Promise<number> } {
    const failed = <T>(): Outcome<T> => ({
      ok: false,
      error: Object.assign(new Error('EIO: i/o error (simulated)'), { code: 'EIO' }),
    });
    const call = <T>(name: string, act: () => Outcome<T>): Promise<T> =>
      process.call<T>({
        channel: 'storage',
        name,
        lost: failed,
        act: async (end) => {
          const outcome = act();
          await end(outcome);
          return outcome.ok ? '' : 'fails';
        },
      });
    return {
      put: async (key, content, contentType) => {
        const bytes = await collect(content);
        return call<StoredVideo>(`put ${key}`, () => {
          if (this.#chaos.chance('storageFails')) return failed();
          this.files.set(key, bytes);
          const sha256 = createHash('sha256').update(bytes).digest();
          return { ok: true, value: { key, bytes: bytes.length, sha256, contentType } };
        });
      },
      read: (key) => Promise.resolve(Readable.from([this.files.get(key) ?? Buffer.alloc(0)])),
      size: (key) => Promise.resolve(this.files.get(key)?.length ?? null),
      remove: async (key) => {
        await call<null>(`remove ${key}`, () => {
          if (this.#chaos.chance('storageFails')) return failed();
          this.files.delete(key);
          return { ok: true, value: null };
        });
      },
      freeBytes: async () => {
        const bytes = await call<number>('statfs', () => ({ ok: true, value: this.isFull ? FULL_BYTES : ROOMY_BYTES }));
        process.hasRoom = bytes === ROOMY_BYTES;
        return bytes;
      },
    };
  }
}

async function collect(content: Readable): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of content as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts);
}
