import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, RequestListener } from 'node:http';
import type { Logger } from '../../ports.ts';
import type { Callbacks } from './callbacks.ts';
import type { Clips } from './clips.ts';
import type { Generation, Generations } from './generations.ts';
import {
  legacyTask,
  readLegacySubmission,
  readUnifiedSubmission,
  unifiedTask,
  type ReadSubmission,
} from './grsai-wire.ts';
import { envelope, json, send, type Reply } from './replies.ts';

export interface HandlerOptions {
  readonly generations: Generations;
  readonly callbacks: Callbacks;
  readonly clips: Clips;
  readonly logger: Logger | undefined;
  readonly apiKey: string | null;
  readonly videoUrlOf: (origin: string, generation: Generation) => string;
  /** Our own origin, known once listening; used where a request does not say by which name it reached us. */
  readonly own: { readonly url: string };
}

/** First-frame images may come inside the body as data URLs. */
const MAX_BODY_BYTES = 20 * 1024 * 1024;
const BAD_KEY = envelope(-1, 'apikey error', null);

class BodyTooLarge extends Error {}

/** Answers requests of both of Grsai's forms, the videos' links and questions about the simulator itself. */
export function createHandler(options: HandlerOptions): RequestListener {
  return (request, response) => {
    route(options, request)
      .catch((error: unknown): Reply => {
        if (error instanceof BodyTooLarge) return json(413, { code: -1, msg: 'request body too large', data: null });
        // The sender went away in the middle of its request.
        if (request.errored !== null) return { kind: 'cut' };
        options.logger?.error({ error, path: request.url }, 'the simulator could not answer');
        return json(500, { code: -1, msg: 'internal error', data: null });
      })
      .then((reply) => send(reply, request, response))
      .catch((error: unknown) => {
        response.destroy();
        options.logger?.debug({ error }, 'an answer of the simulator was not read to its end');
      });
  };
}

async function route(options: HandlerOptions, request: IncomingMessage): Promise<Reply> {
  const url = new URL(request.url ?? '/', 'http://simulator');
  const method = request.method === 'HEAD' ? 'GET' : (request.method ?? '');
  const video = /^\/videos\/([^/]+)\.mp4$/.exec(url.pathname)?.[1];
  if (method === 'GET' && video !== undefined) return videoReply(options, video);
  switch (`${method} ${url.pathname}`) {
    case 'GET /_sim/health':
      return json(200, { status: 'ok' });
    case 'GET /_sim/generations':
      return { kind: 'list', entries: options.generations.list() };
    case 'POST /v1/video/sora-video':
      return submitLegacy(options, request, 'sora');
    case 'POST /v1/video/veo':
      return submitLegacy(options, request, 'veo');
    case 'POST /v1/draw/result':
      return pollLegacy(options, request);
    case 'POST /v1/api/generate':
      return submitUnified(options, request);
    case 'GET /v1/api/result':
      return pollUnified(options, request, url.searchParams.get('id') ?? '');
    default:
      return json(404, { code: -1, msg: `no such path: ${url.pathname}`, data: null });
  }
}

async function submitLegacy(options: HandlerOptions, request: IncomingMessage, family: 'sora' | 'veo'): Promise<Reply> {
  const read = readLegacySubmission(family, await readJson(request));
  if (!isAuthorized(options, request)) return BAD_KEY;
  if (read.kind === 'refused') return envelope(-1, read.message, null);
  return start(options, read, (id) => envelope(0, 'success', { id }));
}

async function submitUnified(options: HandlerOptions, request: IncomingMessage): Promise<Reply> {
  const read = readUnifiedSubmission(await readJson(request));
  if (!isAuthorized(options, request)) return { kind: 'empty' };
  if (read.kind === 'refused') return json(400, { id: '', status: 'failed', error: read.message });
  return start(options, read, (id) => json(200, { id, status: 'running' }));
}

async function start(
  { generations, callbacks }: HandlerOptions,
  read: Extract<ReadSubmission, { kind: 'submission' }>,
  accepted: (id: string) => Reply,
): Promise<Reply> {
  const { generation, dropped } = await generations.start(read.submission);
  callbacks.schedule(generation);
  return dropped ? { kind: 'cut' } : accepted(generation.id);
}

async function pollLegacy(options: HandlerOptions, request: IncomingMessage): Promise<Reply> {
  const body = await readJson(request);
  if (!isAuthorized(options, request)) return BAD_KEY;
  const id = typeof body === 'object' && body !== null && 'id' in body ? body.id : null;
  const generation = typeof id === 'string' ? options.generations.find(id) : null;
  if (generation === null) return envelope(-22, 'task not found', null);
  const videoUrl = options.videoUrlOf(originOf(options, request), generation);
  return envelope(0, 'success', legacyTask(generation, options.generations.stateOf(generation), videoUrl));
}

function pollUnified(options: HandlerOptions, request: IncomingMessage, id: string): Reply {
  if (!isAuthorized(options, request)) return { kind: 'empty' };
  const generation = options.generations.find(id);
  if (generation === null) return json(404, { id, status: 'failed', error: 'task not found' });
  const videoUrl = options.videoUrlOf(originOf(options, request), generation);
  const { httpStatus, body } = unifiedTask(generation, options.generations.stateOf(generation), videoUrl);
  return json(httpStatus, body);
}

function videoReply({ generations, clips }: HandlerOptions, id: string): Reply {
  const generation = generations.find(id);
  if (generation === null || generation.expired || generations.stateOf(generation).status !== 'succeeded') {
    return json(404, { code: -1, msg: 'no such video', data: null });
  }
  return { kind: 'video', bytes: clips.video(generation.promptKey, generation.shape) };
}

/** Undefined for what is no JSON. */
async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError('a request without an encoding reads as buffers');
    bytes += chunk.length;
    // Read on to the end, or the sender would see a reset instead of the answer.
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  if (bytes > MAX_BODY_BYTES) throw new BodyTooLarge();
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    return undefined;
  }
}

function isAuthorized({ apiKey }: HandlerOptions, request: IncomingMessage): boolean {
  if (apiKey === null) return true;
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(request.headers.authorization ?? ''), digest(`Bearer ${apiKey}`));
}

/** By the name under which the caller reached us, so that links work behind a mapped port too. */
function originOf({ own }: HandlerOptions, request: IncomingMessage): string {
  const named = `http://${request.headers.host ?? ''}`;
  return URL.canParse(named) ? new URL(named).origin : own.url;
}
