import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, open, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createFileStorage, VideoTooLarge, type FileStorage } from './file-storage.ts';

const MAX_BYTES = 10_000_000;
const random = { uuid: () => randomUUID() };

let root: string;
let storage: FileStorage;

beforeEach(async () => {
  root = join(await mkdtemp(join(tmpdir(), 'rushes-videos-')), 'videos');
  storage = createFileStorage({ root, random });
});

afterEach(async () => {
  await rm(join(root, '..'), { recursive: true, force: true });
});

async function temporaryFiles(): Promise<string[]> {
  return readdir(join(root, '.tmp'));
}

test('a stored video has the size and sha256 of what was streamed, and reads back byte for byte', async () => {
  const content = randomBytes(300_000);
  const stored = await storage.put('acc/bat/7.mp4', Readable.from(chunksOf(content, 7_000)), 'video/mp4', MAX_BYTES);
  expect(stored).toEqual({
    key: 'acc/bat/7.mp4',
    bytes: content.length,
    sha256: createHash('sha256').update(content).digest(),
    contentType: 'video/mp4',
  });
  expect(await buffer(await storage.read('acc/bat/7.mp4'))).toEqual(content);
  expect(await storage.size('acc/bat/7.mp4')).toBe(content.length);
  expect(await temporaryFiles()).toEqual([]);
});

test('a range holds both of its ends', async () => {
  await storage.put('a.mp4', Readable.from([Buffer.from('0123456789')]), 'video/mp4', MAX_BYTES);
  expect(await buffer(await storage.read('a.mp4', { start: 2, end: 4 }))).toEqual(Buffer.from('234'));
});

test('a stream that fails in the middle leaves nothing under its key and no temporary file', async () => {
  const broken = Readable.from(
    (function* () {
      yield Buffer.alloc(70_000);
      throw new Error('cut off');
    })(),
  );
  await expect(storage.put('a.mp4', broken, 'video/mp4', MAX_BYTES)).rejects.toThrow('cut off');
  expect(await storage.size('a.mp4')).toBeNull();
  expect(await temporaryFiles()).toEqual([]);
});

test('a stream that fails before it is read is told as a failure, not as an uncaught error', async () => {
  const content = new Readable({ read: () => undefined });
  const put = storage.put('a.mp4', content, 'video/mp4', MAX_BYTES);
  // Without a listener, what is emitted on the next tick would end the process.
  expect(content.listenerCount('error')).toBeGreaterThan(0);
  content.destroy(new Error('reset by peer'));
  await expect(put).rejects.toThrow('reset by peer');
});

test('a failed second put leaves the first video whole', async () => {
  await storage.put('a.mp4', Readable.from([Buffer.from('first')]), 'video/mp4', MAX_BYTES);
  await expect(storage.put('a.mp4', Readable.from([Buffer.alloc(11)]), 'video/mp4', 10)).rejects.toThrow(VideoTooLarge);
  expect(await buffer(await storage.read('a.mp4'))).toEqual(Buffer.from('first'));
});

test('a video of exactly the allowed size is stored, one byte more is not, and its source is closed', async () => {
  await storage.put('fits.mp4', Readable.from([Buffer.alloc(6), Buffer.alloc(4)]), 'video/mp4', 10);
  const endless = new Readable({
    read() {
      this.push(Buffer.alloc(1_000));
    },
  });
  await expect(storage.put('endless.mp4', endless, 'video/mp4', 10_000)).rejects.toThrow(VideoTooLarge);
  expect(await storage.size('fits.mp4')).toBe(10);
  expect(await storage.size('endless.mp4')).toBeNull();
  expect(endless.destroyed).toBe(true);
  expect(await temporaryFiles()).toEqual([]);
});

// /dev/full is the kernel's own full disk: every write to it fails.
test('a full disk is told by its code ENOSPC and closes the source', async () => {
  const full = createFileStorage({ root, random, openForWriting: () => open('/dev/full', 'w') });
  const content = Readable.from([Buffer.alloc(1_000), Buffer.alloc(1_000)]);
  await expect(full.put('a.mp4', content, 'video/mp4', MAX_BYTES)).rejects.toMatchObject({ code: 'ENOSPC' });
  expect(await storage.size('a.mp4')).toBeNull();
  expect(content.destroyed).toBe(true);
});

test.each([
  '../a.mp4',
  'a/../../b.mp4',
  '/etc/passwd',
  '',
  'a//b',
  '.tmp/x',
  'a/.hidden',
  'a\\b',
  'a\0b',
  '.',
  'é.mp4',
])('the key %j reaches nothing', async (key) => {
  await writeFile(join(root, '..', 'a.mp4'), 'outside');
  await expect(storage.put(key, Readable.from([Buffer.from('x')]), 'video/mp4', 10)).rejects.toThrow('key');
  await expect(storage.read(key)).rejects.toThrow('key');
  await expect(storage.size(key)).rejects.toThrow('key');
  await expect(storage.remove(key)).rejects.toThrow('key');
  expect(await readFile(join(root, '..', 'a.mp4'), 'utf8')).toBe('outside');
});

test('a source that cannot be stored at all is closed, not left waiting to be read', async () => {
  const content = Readable.from([Buffer.from('x')]);
  await expect(storage.put('../a.mp4', content, 'video/mp4', 10)).rejects.toThrow('key');
  expect(content.destroyed).toBe(true);
});

test('what is not there has no size, cannot be read, and can be removed', async () => {
  expect(await storage.size('none/a.mp4')).toBeNull();
  await expect(storage.read('none/a.mp4')).rejects.toMatchObject({ code: 'ENOENT' });
  await storage.remove('none/a.mp4');
});

test('a removed video is gone', async () => {
  await storage.put('b/a.mp4', Readable.from([Buffer.from('x')]), 'video/mp4', 10);
  await storage.remove('b/a.mp4');
  expect(await storage.size('b/a.mp4')).toBeNull();
});

test('concurrent puts into new directories all arrive', async () => {
  const keys = Array.from({ length: 40 }, (_, index) => `acc/bat${index % 4}/${index}.mp4`);
  await Promise.all(keys.map((key) => storage.put(key, Readable.from([Buffer.from(key)]), 'video/mp4', 100)));
  for (const key of keys) expect(await buffer(await storage.read(key))).toEqual(Buffer.from(key));
});

test('only temporary files older than the cutoff are removed', async () => {
  await storage.put('a.mp4', Readable.from([Buffer.from('x')]), 'video/mp4', 10);
  const old = join(root, '.tmp', 'old.part');
  await writeFile(old, 'left by a crash');
  await writeFile(join(root, '.tmp', 'young.part'), 'being written');
  await utimes(old, new Date('2026-01-01'), new Date('2026-01-01'));
  expect(await storage.removeStrayTemporaryFiles(new Date('2026-01-02'))).toBe(1);
  expect(await temporaryFiles()).toEqual(['young.part']);
  expect(await storage.size('a.mp4')).toBe(1);
});

test('free space is told in bytes', async () => {
  expect(await storage.freeBytes()).toBeGreaterThan(0);
});

function* chunksOf(content: Buffer, size: number): Generator<Buffer> {
  for (let start = 0; start < content.length; start += size) yield content.subarray(start, start + size);
}
