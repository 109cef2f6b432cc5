import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { TaskResult } from '../src/types.ts';
import { aTask } from './fixtures.ts';
import { answer, refuse, type ScriptedServer, type Seen, serve } from './scripted-server.ts';

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A task that succeeded with these bytes as its video. */
export function withVideo(index: number, bytes: Uint8Array, change: Partial<TaskResult> = {}): TaskResult {
  return aTask(index, {
    status: 'succeeded',
    credits: { charged: 49, refunded: 0, forfeited: 0 },
    video: { bytes: bytes.length, sha256: sha256(bytes), content_type: 'video/mp4' },
    ...change,
  });
}

/** Answers a request for a video as the server does: Range, If-Range, 206 and 416. */
export function sendVideo(request: Seen, response: ServerResponse, bytes: Buffer, etag = `"${sha256(bytes)}"`): void {
  const headers = { 'content-type': 'video/mp4', etag, 'accept-ranges': 'bytes' };
  const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
  const condition = request.headers['if-range'];
  if (range === null || (condition !== undefined && condition !== etag)) {
    response.writeHead(200, { ...headers, 'content-length': bytes.length });
    response.end(bytes);
    return;
  }
  const from = Number(range[1]);
  if (from >= bytes.length) {
    refuse(response, 416, 'invalid_request');
    return;
  }
  response.writeHead(206, {
    ...headers,
    'content-length': bytes.length - from,
    'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}`,
  });
  response.end(bytes.subarray(from));
}

/**
 * Sends the head and `count` bytes of what `sendVideo` would send, and then nothing. The test ends it with
 * `response.destroy()` once those bytes have arrived: ending it here could overtake them.
 */
export function beginVideo(request: Seen, response: ServerResponse, bytes: Buffer, count: number): void {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? '0');
  const headers: Record<string, string> = { etag: `"${sha256(bytes)}"`, 'content-length': String(bytes.length - from) };
  if (from > 0) headers['content-range'] = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
  response.writeHead(from > 0 ? 206 : 200, headers);
  response.write(bytes.subarray(from, from + count));
}

export type VideoScript = (request: Seen, response: ServerResponse, at: number) => void;

/** Makes links to /v/1, /v/2, ...; `onVideo` answers request number `at` for a video, `onApi` everything else. */
export async function serveVideos(
  onVideo: VideoScript,
  onApi: (request: Seen, response: ServerResponse) => void = (_, response) => refuse(response, 404, 'not_found'),
): Promise<ScriptedServer & { readonly videos: Seen[]; readonly links: Seen[] }> {
  const videos: Seen[] = [];
  const links: Seen[] = [];
  const server = await serve((request, response) => {
    const { pathname } = request.url;
    if (pathname.startsWith('/v/')) {
      videos.push(request);
      onVideo(request, response, videos.length - 1);
    } else if (pathname.endsWith('/links')) {
      links.push(request);
      const url = `${server.url}/v/${links.length}?task=${pathname.split('/')[3]}`;
      answer(response, 201, { url, expires_at: '2030-01-01T00:00:00.000Z' });
    } else onApi(request, response);
  });
  return Object.assign(server, { videos, links });
}
