import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { HttpFailure } from '../ports.ts';
import { Mp4Structure } from './mp4-structure.ts';

const clip = readFileSync(new URL('../../assets/simulator-videos/landscape-0.mp4', import.meta.url));

function box(type: string, body: Buffer, size = body.length + 8): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(size, 0);
  header.write(type, 4, 'latin1');
  return Buffer.concat([header, body]);
}

async function passed(file: Buffer, chunkBytes = file.length): Promise<Buffer | string> {
  const chunks = [];
  for (let at = 0; at < file.length; at += chunkBytes) chunks.push(file.subarray(at, at + chunkBytes));
  try {
    return await buffer(Readable.from(chunks).pipe(new Mp4Structure()));
  } catch (error) {
    if (error instanceof HttpFailure) return 'broken';
    throw error;
  }
}

const ftyp = box('ftyp', Buffer.from('isom\0\0\0\0isom'));
const media = Buffer.alloc(100, 7);

test('a whole file passes unchanged, however it is cut into chunks', async () => {
  for (const chunkBytes of [1, 7, 64, 4_096, clip.length]) expect(await passed(clip, chunkBytes)).toEqual(clip);
});

test('a file is broken wherever it was cut off inside of a box', async () => {
  for (const share of [0.3, 0.5, 0.9, 0.99]) expect(await passed(clip.subarray(0, clip.length * share))).toBe('broken');
  expect(await passed(clip.subarray(0, -1))).toBe('broken');
});

test('a file that ends between its boxes is broken while its index or its media are missing', async () => {
  expect(await passed(Buffer.concat([ftyp, box('mdat', media)]))).toBe('broken');
  expect(await passed(Buffer.concat([ftyp, box('moov', media)]))).toBe('broken');
  const whole = Buffer.concat([ftyp, box('mdat', media), box('moov', media)]);
  expect(await passed(whole)).toEqual(whole);
});

test('an error page behind the first box is no video', async () => {
  for (const page of ['<!doctype html><p>sorry</p>', '\n <html lang="en">', '<?xml version="1.0"?>']) {
    expect(await passed(Buffer.concat([ftyp, Buffer.from(page)]))).toBe('broken');
    expect(await passed(Buffer.concat([ftyp, Buffer.from(page)]), 3)).toBe('broken');
  }
});

test('sizes of 64 bits, fragments and a last box without a size are understood', async () => {
  const long = Buffer.alloc(16);
  long.writeUInt32BE(1, 0);
  long.write('mdat', 4, 'latin1');
  long.writeBigUInt64BE(BigInt(16 + media.length), 8);
  const files = [
    Buffer.concat([ftyp, box('moov', media), long, media]),
    Buffer.concat([ftyp, box('moov', media), box('moof', media), box('mdat', media)]),
    Buffer.concat([ftyp, box('moov', media), box('mdat', media, 0)]),
  ];
  for (const file of files) {
    expect(await passed(file, 5)).toEqual(file);
  }
  expect(await passed(files[0]!.subarray(0, -1), 5)).toBe('broken');
  expect(await passed(Buffer.concat([ftyp, box('moov', media, 3)]))).toBe('broken');
});

test('a kind of box that is not known is no reason to throw a paid video away', async () => {
  const file = Buffer.concat([ftyp, box('moov', media), box('mdat', media), box('zzzz', media, 5_000)]);
  expect(await passed(file)).toEqual(file);
});
