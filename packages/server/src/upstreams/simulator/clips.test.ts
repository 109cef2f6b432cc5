import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { Clips, clipsDirectory, type Shape } from './clips.ts';

interface Box {
  readonly type: string;
  readonly start: number;
  readonly content: Buffer;
}

/** ISO/IEC 14496-12 section 4.2: a 32-bit size, the type, the content. */
function boxesOf(bytes: Buffer): Box[] {
  const boxes: Box[] = [];
  for (let start = 0; start < bytes.length;) {
    const size = bytes.readUInt32BE(start);
    expect(size).toBeGreaterThanOrEqual(8);
    expect(start + size).toBeLessThanOrEqual(bytes.length);
    boxes.push({
      type: bytes.toString('latin1', start + 4, start + 8),
      start,
      content: bytes.subarray(start + 8, start + size),
    });
    start += size;
  }
  return boxes;
}

function find(bytes: Buffer, path: readonly string[]): Buffer {
  return path.reduce((content, type) => {
    const box = boxesOf(content).find((candidate) => candidate.type === type);
    expect(box, type).toBeDefined();
    return box!.content;
  }, bytes);
}

const KEYS = Array.from({ length: 200 }, (_, index) => {
  const digest = Buffer.alloc(16);
  digest.writeUInt32BE(index, 0);
  return digest.toString('base64url');
});

const files = readdirSync(clipsDirectory()).filter((name) => name.endsWith('.mp4'));

test('all clips together take at most 300 kB', () => {
  expect(files.length).toBeGreaterThanOrEqual(8);
  const total = files.reduce((sum, name) => sum + statSync(join(clipsDirectory(), name)).size, 0);
  expect(total).toBeLessThanOrEqual(300_000);
});

test.each(files)('%s is H.264 baseline that starts playing before it is loaded', (name) => {
  const bytes = readFileSync(join(clipsDirectory(), name));
  const boxes = boxesOf(bytes);
  expect(boxes[0]!.type).toBe('ftyp');
  expect(boxes[0]!.content.toString('latin1', 0, 4)).toBe('isom');
  const order = boxes.map(({ type }) => type);
  expect(order.indexOf('moov')).toBeLessThan(order.indexOf('mdat'));

  const sampleTable = ['moov', 'trak', 'mdia', 'minf', 'stbl'];
  // Past version, flags, entry count and the fields of VisualSampleEntry (section 12.1.3) lies avcC.
  const description = find(bytes, [...sampleTable, 'stsd']);
  expect(description.toString('latin1', 12, 16)).toBe('avc1');
  const avcC = description.subarray(16 + 78);
  expect(avcC.toString('latin1', 4, 8)).toBe('avcC');
  expect(avcC[9], 'AVCProfileIndication').toBe(66);

  const header = find(bytes, ['moov', 'mvhd']);
  expect(header.readUInt32BE(16) / header.readUInt32BE(12), 'seconds').toBe(2);
  expect(find(bytes, [...sampleTable, 'stsz']).readUInt32BE(8), 'frames').toBe(48);
});

test.each([
  ['landscape', 320, 180],
  ['portrait', 180, 320],
] as const)('a %s clip is %i x %i, whatever the prompt', (shape, width, height) => {
  const clips = new Clips();
  for (const key of KEYS.slice(0, 10)) {
    const trackHeader = find(clips.video(key, shape), ['moov', 'trak', 'tkhd']);
    expect([trackHeader.readUInt32BE(76) >> 16, trackHeader.readUInt32BE(80) >> 16]).toEqual([width, height]);
  }
});

test('every prompt has bytes of its own, the same ones each time, and all clips are in use', () => {
  const clips = new Clips();
  for (const shape of ['landscape', 'portrait'] satisfies Shape[]) {
    const videos = KEYS.map((key) => clips.video(key, shape));
    expect(new Set(videos.map((video) => video.toString('latin1'))).size).toBe(KEYS.length);
    expect(new Set(videos.map((video) => video.toString('latin1', 0, video.length - 24))).size).toBe(5);
    expect(clips.video(KEYS[0]!, shape)).toEqual(videos[0]);
    expect(boxesOf(videos[0]!).at(-1)!.type).toBe('free');
  }
});

test('the clips are found from the sources and from the bundle', () => {
  const root = join(clipsDirectory(), '..', '..');
  expect(clipsDirectory(pathToFileURL(join(root, 'dist', 'main.js')).href)).toBe(clipsDirectory());
  expect(() => clipsDirectory(pathToFileURL('/no/such/folder/main.js').href)).toThrow('@rushes/server');
});
