import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { aBatch, clientFor } from '../test/fixtures.ts';
import { answer, reset, serve } from '../test/scripted-server.ts';
import { RushesError } from './rushes-error.ts';
import { readUpload, type UploadSource } from './upload.ts';

const CSV = 'prompt,custom_id\r\n"a, 山 🎬",x:1\r\n';
const BYTES = Buffer.from(CSV);
const MIB = 1024 * 1024;

const sources: [string, () => UploadSource][] = [
  ['text', () => CSV],
  ['a Buffer', () => BYTES],
  ['an ArrayBuffer', () => new TextEncoder().encode(CSV).buffer],
  ['a Blob', () => new Blob([CSV])],
  ['a Node stream', () => Readable.from([BYTES.subarray(0, 20), BYTES.subarray(20)])],
  ['a Node stream of text', () => Readable.from([CSV])],
  ['a web stream', () => new Blob([CSV]).stream()],
  ['text cut inside a surrogate pair', () => [CSV.slice(0, CSV.indexOf('🎬') + 1), CSV.slice(CSV.indexOf('🎬') + 1)]],
];

test.each(sources)('%s is sent byte for byte on every attempt', async (_, make) => {
  const server = await serve((_request, response, at) =>
    at === 0 ? reset(response) : answer(response, 201, aBatch()),
  );
  await clientFor(server.url).batches.createFromCsv(make(), {
    model: 'sora-2',
    request_id: 'r 1',
    spend_limit: 500,
    ignore_columns: true,
    defaults: { aspect_ratio: '16:9' },
    metadata: { 客户: 'a&b' },
  });
  expect(server.seen).toHaveLength(2);
  for (const { body, headers, url } of server.seen) {
    expect(body.equals(BYTES)).toBe(true);
    expect(headers['content-type']).toBe('text/csv');
    expect(Object.fromEntries(url.searchParams)).toEqual({
      model: 'sora-2',
      request_id: 'r 1',
      spend_limit: '500',
      ignore_columns: 'true',
      'defaults.aspect_ratio': '16:9',
      'metadata.客户': 'a&b',
    });
  }
});

test('an upload past 48 MiB is refused without reading on', async () => {
  let read = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      read += 1;
      yield new Uint8Array(MIB);
    }
  }
  await expect(readUpload(endless())).rejects.toThrow(/48 MiB/);
  expect(read).toBe(49);
  await expect(readUpload(new Uint8Array(48 * MIB + 1))).rejects.toThrow(/48 MiB/);
  await expect(readUpload(new Blob([new Uint8Array(48 * MIB + 1)]))).rejects.toThrow(/48 MiB/);
  expect((await readUpload(new Uint8Array(48 * MIB))).length).toBe(48 * MIB);
});

test('text that no encoding can carry is refused instead of becoming another prompt', async () => {
  for (const source of ['prompt\n\ud83c', ['prompt\n\ud83c', 'x'], ['prompt\n', '\ud83c']]) {
    await expect(readUpload(source)).rejects.toThrow(/surrogate/);
  }
});

test('what is neither text nor bytes is refused', async () => {
  for (const source of [undefined, null, 7, [7], [[1]]]) {
    await expect(readUpload(source as never)).rejects.toBeInstanceOf(RushesError);
  }
});
