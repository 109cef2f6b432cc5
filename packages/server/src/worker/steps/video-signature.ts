import type { Readable } from 'node:stream';

const SIGNATURE_BYTES = 12;

/** What was to be a video does not begin like one, or is too short to be one. */
export class NotAVideo extends Error {
  override readonly name = 'NotAVideo';
}

/**
 * Looks at how a stream begins and leaves all of it to be read: an ISO base media file (MP4) has 'ftyp' in bytes 4 to 7
 * (ISO/IEC 14496-12). Rejects with `NotAVideo` otherwise: an error page with status 200 must not be sold as a video.
 */
export async function checkSignature(body: Readable): Promise<void> {
  let head: Buffer = Buffer.alloc(0);
  for (;;) {
    const chunk = body.read() as Buffer | null;
    if (chunk === null) {
      if (body.errored !== null) throw body.errored;
      if (body.destroyed) throw new NotAVideo(`the result has only ${head.length} bytes`);
      await changeOf(body);
      continue;
    }
    head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
    if (head.length < SIGNATURE_BYTES) continue;
    if (head.toString('latin1', 4, 8) !== 'ftyp') {
      throw new NotAVideo(`the result is not an MP4 file; it begins with ${head.toString('hex', 0, SIGNATURE_BYTES)}`);
    }
    // In the same turn as the read: a stream that has told of its end takes nothing back.
    body.unshift(head);
    return;
  }
}

/** Resolves when there is more to read, or when there will not be: after its end or an error a stream is closed. */
function changeOf(body: Readable): Promise<void> {
  return new Promise((resolve) => {
    const changed = (): void => {
      body.off('readable', changed).off('close', changed);
      resolve();
    };
    body.on('readable', changed).on('close', changed);
  });
}
