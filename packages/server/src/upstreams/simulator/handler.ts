import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Logger } from '../../ports.ts';
import type { Callbacks } from './callbacks.ts';
import type { Clips } from './clips.ts';
import type { AuditEntry, Generation, Generations } from './generations.ts';
import {
  legacyTask,
  readLegacySubmission,
  readUnifiedSubmission,
  unifiedTask,
  type ReadSubmission,
} from './grsai-wire.ts';

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

class BodyTooLarge extends Error {}

/** Answers requests of both of Grsai's forms, the videos' links and the simulator's own questions. */
export function createHandler(options: HandlerOptions): RequestListener {
  return (request, response) => {
    route(options, request, response).catch((error: unknown) => {
      if (error instanceof BodyTooLarge) {
        sendJson(response, 413, { code: -1, msg: 'request body too large', data: null });
        return;
      }
      if (request.destroyed && !request.complete) return;
      options.logger?.error({ error, path: request.url }, 'the simulator could not answer');
      if (response.headersSent) response.destroy();
      else sendJson(response, 500, { code: -1, msg: 'internal error', data: null });
    });
  };
}

async function route(options: HandlerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://simulator');
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  const video = /^\/videos\/([^/]+)\.mp4$/.exec(url.pathname)?.[1];
  if (isRead && video !== undefined) return sendVideo(options, request, response, video);
  switch (`${isRead ? 'GET' : (request.method ?? '')} ${url.pathname}`) {
    case 'GET /_sim/health':
      return sendJson(response, 200, { status: 'ok' });
    case 'GET /_sim/generations':
      return sendList(options, response);
    case 'POST /v1/video/sora-video':
    case 'POST /v1/video/veo': {
      const family = url.pathname.endsWith('/veo') ? 'veo' : 'sora';
      const read = readLegacySubmission(family, await readJson(request));
      if (!isAuthorized(options, request)) return sendEnvelope(response, -1, 'apikey error', null);
      if (read.kind === 'refused') return sendEnvelope(response, -1, read.message, null);
      return start(options, request, read, (id) => sendEnvelope(response, 0, 'success', { id }));
    }
    case 'POST /v1/draw/result': {
      const body = await readJson(request);
      if (!isAuthorized(options, request)) return sendEnvelope(response, -1, 'apikey error', null);
      return sendLegacyTask(options, request, response, body);
    }
    case 'POST /v1/api/generate': {
      const read = readUnifiedSubmission(await readJson(request));
      if (!isAuthorized(options, request)) return sendEmpty(response, 200);
      if (read.kind === 'refused') return sendJson(response, 400, { id: '', status: 'failed', error: read.message });
      return start(options, request, read, (id) => sendJson(response, 200, { id, status: 'running' }));
    }
    case 'GET /v1/api/result':
      if (!isAuthorized(options, request)) return sendEmpty(response, 200);
      return sendUnifiedTask(options, request, response, url.searchParams.get('id') ?? '');
    default:
      return sendJson(response, 404, { code: -1, msg: `no such path: ${url.pathname}`, data: null });
  }
}

async function start(
  { generations, callbacks }: HandlerOptions,
  request: IncomingMessage,
  read: Extract<ReadSubmission, { kind: 'submission' }>,
  accept: (id: string) => void,
): Promise<void> {
  const { generation, dropped } = await generations.start(read.submission);
  callbacks.schedule(generation);
  if (dropped) request.socket.destroy();
  else accept(generation.id);
}

function sendLegacyTask(
  options: HandlerOptions,
  request: IncomingMessage,
  response: ServerResponse,
  body: unknown,
): void {
  const id = typeof body === 'object' && body !== null && 'id' in body ? body.id : null;
  const generation = typeof id === 'string' ? options.generations.find(id) : null;
  if (generation === null) return sendEnvelope(response, -22, 'task not found', null);
  const videoUrl = options.videoUrlOf(originOf(options, request), generation);
  sendEnvelope(response, 0, 'success', legacyTask(generation, options.generations.stateOf(generation), videoUrl));
}

function sendUnifiedTask(
  options: HandlerOptions,
  request: IncomingMessage,
  response: ServerResponse,
  id: string,
): void {
  const generation = options.generations.find(id);
  if (generation === null) return sendJson(response, 404, { id, status: 'failed', error: 'task not found' });
  const videoUrl = options.videoUrlOf(originOf(options, request), generation);
  const { httpStatus, body } = unifiedTask(generation, options.generations.stateOf(generation), videoUrl);
  sendJson(response, httpStatus, body);
}

function sendVideo(options: HandlerOptions, request: IncomingMessage, response: ServerResponse, id: string): void {
  const generation = options.generations.find(id);
  const isThere =
    generation !== null && !generation.expired && options.generations.stateOf(generation).status === 'succeeded';
  if (!isThere) return sendJson(response, 404, { code: -1, msg: 'no such video', data: null });
  const video = options.clips.video(generation.promptKey, generation.shape);
  response.writeHead(200, { 'content-type': 'video/mp4', 'content-length': video.length });
  response.end(request.method === 'HEAD' ? undefined : video);
}

async function sendList({ generations }: HandlerOptions, response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/json' });
  await pipeline(Readable.from(listJson(generations.list())), response);
}

async function* listJson(entries: AsyncIterable<AuditEntry>): AsyncGenerator<string> {
  yield '{"data":[';
  let separator = '\n';
  for await (const entry of entries) {
    yield separator + JSON.stringify(entry);
    separator = ',\n';
  }
  yield '\n]}\n';
}

/** Undefined for what is no JSON. */
async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError('a request without an encoding reads as buffers');
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new BodyTooLarge();
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    return undefined;
  }
}

function isAuthorized({ apiKey }: HandlerOptions, request: IncomingMessage): boolean {
  if (apiKey === null) return true;
  const expected = Buffer.from(`Bearer ${apiKey}`);
  const given = Buffer.from(request.headers.authorization ?? '');
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** By the name under which the caller reached us, so that links work behind a mapped port too. */
function originOf({ own }: HandlerOptions, request: IncomingMessage): string {
  const named = `http://${request.headers.host ?? ''}`;
  return URL.canParse(named) ? new URL(named).origin : own.url;
}

function sendEnvelope(
  response: ServerResponse,
  code: number,
  msg: string,
  data: Readonly<Record<string, unknown>> | null,
): void {
  sendJson(response, 200, { code, msg, data });
}

function sendJson(response: ServerResponse, status: number, body: Readonly<Record<string, unknown>>): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

function sendEmpty(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-length': 0 });
  response.end();
}
