import type { Readable } from 'node:stream';
import type { Caller } from '../../accounts/index.ts';
import { refuse, type Outcome } from '../../outcome/index.ts';
import { findVideo, type LinkGrant, type TaskVideoFile } from '../../videos/index.ts';
import { chooseRange, isKnownTo, rangeStillApplies } from '../byte-range.ts';
import type { HttpDeps } from '../deps.ts';
import type { Answer, AnswerHeaders, Exchange } from '../exchange.ts';
import { Refused } from '../problem.ts';
import type { Route } from '../route.ts';

const ASK_AGAIN = 'Create a new one with POST /v1/tasks/{id}/links.';

/** An upstream's word for the type is believed for videos only: nothing that a browser would run. */
const VIDEO_TYPE = /^video\/[a-z0-9.+-]+$/i;

async function readVideo(deps: HttpDeps, key: string, start: number, end: number): Promise<Readable> {
  try {
    return await deps.videoStorage.read(key, { start, end });
  } catch (error) {
    throw new Error('a stored video cannot be read', { cause: error });
  }
}

/** What the token of a link allows, or the 404 or 410 that says how to get a new link. */
export function readGrant(deps: HttpDeps, token: string): Outcome<LinkGrant> {
  const check = deps.linkSigner.verify(token, deps.clock.now());
  switch (check.kind) {
    case 'valid':
      return { ok: true, value: check.grant };
    case 'expired':
      return refuse({
        code: 'link_expired',
        detail: `This link expired at ${check.grant.expiresAt.toISOString()}. ${ASK_AGAIN}`,
      });
    case 'forged':
      return refuse({
        code: 'not_found',
        detail: `This link is not valid: it is incomplete or from another server. ${ASK_AGAIN}`,
      });
  }
}

/** `custom_id` or the index in five digits. A colon has a meaning on Windows and in old macOS paths. */
function fileName(video: TaskVideoFile, index: number): string {
  const stem = video.customId ?? String(index).padStart(5, '0');
  return `${stem.replaceAll(':', '_')}.mp4`;
}

function headersOf(video: TaskVideoFile, grant: LinkGrant, etag: string): AnswerHeaders {
  const disposition = grant.action === 'download' ? 'attachment' : 'inline';
  return {
    'Accept-Ranges': 'bytes',
    ETag: etag,
    'Content-Disposition': `${disposition}; filename="${fileName(video, grant.index)}"`,
    // The bytes never change, but the right to see them ends: a cache has to ask each time.
    'Cache-Control': 'private, no-cache',
    'X-Content-Type-Options': 'nosniff',
    // No `sandbox`: in the page that a browser makes of a video it turns the origin into null, and the video is refused.
    'Content-Security-Policy': "default-src 'none'; media-src 'self'",
    'Referrer-Policy': 'no-referrer',
    // A customer's page may play it from another origin.
    'Cross-Origin-Resource-Policy': 'cross-origin',
  };
}

function part(
  deps: HttpDeps,
  video: TaskVideoFile,
  headers: AnswerHeaders,
  exchange: Exchange,
  etag: string,
): Outcome<Answer> {
  const ifRange = exchange.distinctHeaders['if-range']?.[0];
  const applies = rangeStillApplies(ifRange, etag);
  const range = chooseRange(applies ? exchange.headers.range : undefined, video.bytes);
  if (range.kind === 'unsatisfiable') {
    throw new Refused(
      {
        code: 'range_not_satisfiable',
        detail: `The video has ${video.bytes} bytes, and the requested range is outside of it.`,
      },
      { 'Content-Range': `bytes */${video.bytes}` },
    );
  }
  const { start, end } = range.kind === 'part' ? range : { start: 0, end: video.bytes - 1 };
  const isPart = range.kind === 'part';
  return {
    ok: true,
    value: {
      kind: 'stream',
      status: isPart ? 206 : 200,
      contentType: VIDEO_TYPE.test(video.contentType) ? video.contentType : 'application/octet-stream',
      headers: {
        ...headers,
        'Content-Length': String(end - start + 1),
        ...(isPart ? { 'Content-Range': `bytes ${start}-${end}/${video.bytes}` } : {}),
      },
      open: () => readVideo(deps, video.key, start, end),
    },
  };
}

async function answerVideo(deps: HttpDeps, exchange: Exchange): Promise<Outcome<Answer>> {
  const grant = readGrant(deps, exchange.params['token'] ?? '');
  if (!grant.ok) return grant;
  const { accountUuid, batchUuid, index } = grant.value;
  const video = await findVideo(deps.db, accountUuid, batchUuid, index);
  if (video === null || (await deps.videoStorage.size(video.key)) !== video.bytes) {
    return refuse({ code: 'not_found', detail: 'The video is no longer stored.' });
  }
  const etag = `"${Buffer.from(video.sha256).toString('hex')}"`;
  const headers = headersOf(video, grant.value, etag);
  if (isKnownTo(exchange.headers['if-none-match'], etag)) {
    return { ok: true, value: { kind: 'empty', status: 304, headers } };
  }
  return part(deps, video, headers, exchange, etag);
}

/** The signed links to videos, for whoever holds one. */
export function routes(deps: HttpDeps): readonly Route[] {
  return [
    {
      method: 'get',
      path: '/v/:token',
      access: { kind: 'public' },
      operation: {
        id: 'getVideo',
        tag: 'Videos',
        summary: 'Play or download a video by its signed link',
        description:
          'Supports single byte ranges, If-Range and If-None-Match. The ETag is the SHA-256 of the video. The request does not count towards the requests per minute.',
        params: { token: 'The token in the `url` of a link.' },
        query: null,
        body: [],
        successes: [
          { status: 200, description: 'The whole video.', content: [{ mediaType: 'video/mp4', schema: 'binary' }] },
          { status: 206, description: 'The requested range.', content: [{ mediaType: 'video/mp4', schema: 'binary' }] },
          { status: 304, description: 'The client has the video already.', content: [] },
        ],
        refusals: ['not_found', 'link_expired', 'range_not_satisfiable'],
      },
      answer: (exchange: Exchange, _caller: Caller | null) => answerVideo(deps, exchange),
    },
  ];
}
