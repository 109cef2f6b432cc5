import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { checkSignature, NotAVideo } from './video-signature.ts';

const video = Buffer.concat([Buffer.from([0, 0, 0, 16]), Buffer.from('ftypisom'), Buffer.alloc(100_000, 7)]);

/** In pieces as they might come over a line. */
function streamOf(content: Buffer, pieceBytes: number): Readable {
  const pieces: Buffer[] = [];
  for (let at = 0; at < content.length; at += pieceBytes) pieces.push(content.subarray(at, at + pieceBytes));
  return Readable.from(pieces, { objectMode: false });
}

describe('the check of a video', () => {
  it.each([1, 5, 11, 12, 13, 64 * 1024, 200_000])(
    'leaves all of it to be read, in pieces of %d bytes',
    async (size) => {
      const content = size < 12 ? video.subarray(0, 1_000) : video;
      const body = streamOf(content, size);
      await checkSignature(body);
      expect(Buffer.compare(await buffer(body), content)).toBe(0);
    },
  );

  it('lets one pass that is no longer than its signature', async () => {
    const body = streamOf(video.subarray(0, 12), 12);
    await checkSignature(body);
    expect(await buffer(body)).toHaveLength(12);
  });

  it('refuses an error page, however it comes', async () => {
    const page = Buffer.from('<html>502 Bad Gateway</html>');
    await expect(checkSignature(streamOf(page, 3))).rejects.toThrow(NotAVideo);
    await expect(checkSignature(streamOf(page, 1_000))).rejects.toThrow(`begins with ${page.toString('hex', 0, 12)}`);
  });

  it.each([0, 11])('refuses what ends after %d bytes', async (bytes) => {
    await expect(checkSignature(streamOf(video.subarray(0, bytes), 4))).rejects.toThrow(`only ${bytes} bytes`);
  });

  it('tells why a stream broke off, before or after its first bytes', async () => {
    const broken = (): Readable => {
      const body = new Readable({ read: () => undefined });
      body.on('error', () => undefined);
      return body;
    };
    const early = broken().destroy(new Error('reset'));
    await expect(checkSignature(early)).rejects.toThrow('reset');
    const late = broken();
    late.push(video.subarray(0, 8));
    const checked = checkSignature(late);
    late.destroy(new Error('cut off'));
    await expect(checked).rejects.toThrow('cut off');
  });
});
