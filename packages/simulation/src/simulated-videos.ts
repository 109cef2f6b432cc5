/** The finished videos of the simulated provider, and every fault that fetching one can have. */
import { Readable } from 'node:stream';
import { HttpFailure, type HttpClient, type HttpStreamResponse } from '../../server/src/ports.ts';
import type { Chaos } from './chaos.ts';
import type { Dice } from './dice.ts';
import type { SimulatedProcess } from './process.ts';
import type { Outcome } from './sessions.ts';

/** How long a link to a finished video works. */
export const RESULT_LIFETIME_MS = 40_000;

/** An MP4 file that says which generation it is. */
export function videoOf({ id }: { readonly id: string }): Buffer {
  return Buffer.concat([Buffer.from([0, 0, 0, 24]), Buffer.from(`ftypisom ${id} `.padEnd(200, '.'))]);
}

interface VideoWorld {
  readonly scheduler: { readonly nowMs: number };
  readonly chaos: Pick<Chaos, 'chance'>;
}

export class SimulatedVideos {
  readonly #world: VideoWorld;
  readonly #dice: Dice;
  readonly #find: (id: string) => { readonly id: string } | null;

  constructor(world: VideoWorld, dice: Dice, find: (id: string) => { readonly id: string } | null) {
    this.#world = world;
    this.#dice = dice;
    this.#find = find;
  }

  /** What fetches finished videos, for one process. */
  http(process: SimulatedProcess): HttpClient {
    const broken = (): Outcome<HttpStreamResponse> => ({
      ok: false,
      error: new HttpFailure('no_answer', 'the connection was reset'),
    });
    return {
      request: () => Promise.reject(new HttpFailure('not_sent', 'nothing here asks for anything but videos')),
      stream: ({ url }) =>
        process.call<HttpStreamResponse>({
          channel: 'storage',
          name: `fetch ${url}`,
          lost: broken,
          act: async (end) => {
            const [said, outcome] = this.#fetch(url);
            await end(outcome);
            return said;
          },
        }),
    };
  }

  #fetch(url: string): readonly [string, Outcome<HttpStreamResponse>] {
    const { chaos, scheduler } = this.#world;
    const [, id = '', since = ''] = /^simulated:\/\/([^/]+)\/(\d+)$/.exec(url) ?? [];
    const generation = this.#find(id);
    const answer = (status: number, parts: readonly Buffer[], error?: Error): Outcome<HttpStreamResponse> => ({
      ok: true,
      value: { status, headers: {}, body: Readable.from(chunks(parts, error)) },
    });
    if (generation === null || scheduler.nowMs > Number(since) + RESULT_LIFETIME_MS) {
      return ['404', answer(404, [Buffer.from('not found')])];
    }
    const video = videoOf(generation);
    if (!chaos.chance('storageFails')) return ['200', answer(200, [video])];
    const failure = this.#dice.pick(['404', '500', 'reset', 'cut off', 'a page']);
    switch (failure) {
      case 'reset':
        return ['reset', { ok: false, error: new HttpFailure('no_answer', 'the connection was reset') }];
      case 'cut off':
        return ['cut off', answer(200, [video.subarray(0, 60)], new HttpFailure('no_answer', 'the body was cut off'))];
      case 'a page':
        return ['a page', answer(200, [Buffer.from('<!doctype html><title>Sorry</title>')])];
      default:
        return [failure, answer(Number(failure), [Buffer.from('sorry')])];
    }
  }
}

async function* chunks(parts: readonly Buffer[], error?: Error): AsyncGenerator<Buffer> {
  for (const part of parts) yield part;
  await Promise.resolve();
  if (error !== undefined) throw error;
}
