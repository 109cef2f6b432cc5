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
import { BodyTooLarge, isAuthorized, readJson } from './requests.ts';

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

/** Where the simulator's own adapter names a submission. */
export const TOKEN_HEADER = 'x-simulator-token';
/** Ids that one request may ask for. */
export const MAX_IDS = 200;
const BAD_KEY = envelope(-1, 'apikey error', null);
/** Told of a submission that somebody was told had not been started. */
const VOID = 'this submission was given up before it arrived';

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
    case 'POST /_sim/lookup':
      return lookUp(options, request);
    case 'POST /_sim/results':
      return pollMany(options, request);
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
  if (!isAuthorized(options.apiKey, request)) return BAD_KEY;
  if (read.kind === 'refused') return envelope(-1, read.message, null);
  return start(options, request, read, (id) => envelope(0, 'success', { id }));
}

async function submitUnified(options: HandlerOptions, request: IncomingMessage): Promise<Reply> {
  const read = readUnifiedSubmission(await readJson(request));
  if (!isAuthorized(options.apiKey, request)) return { kind: 'empty' };
  if (read.kind === 'refused') return json(400, { id: '', status: 'failed', error: read.message });
  return start(options, request, read, (id) => json(200, { id, status: 'running' }));
}

async function start(
  { generations, callbacks }: HandlerOptions,
  request: IncomingMessage,
  read: Extract<ReadSubmission, { kind: 'submission' }>,
  accepted: (id: string) => Reply,
): Promise<Reply> {
  const token = request.headers[TOKEN_HEADER];
  const started = await generations.start({ ...read.submission, token: typeof token === 'string' ? token : null });
  if (started === null) return envelope(-1, VOID, null);
  const { generation, dropped } = started;
  callbacks.schedule(generation);
  return dropped ? { kind: 'cut' } : accepted(generation.id);
}

async function pollLegacy(options: HandlerOptions, request: IncomingMessage): Promise<Reply> {
  const body = await readJson(request);
  if (!isAuthorized(options.apiKey, request)) return BAD_KEY;
  const id = typeof body === 'object' && body !== null && 'id' in body ? body.id : null;
  const generation = typeof id === 'string' ? options.generations.find(id) : null;
  if (generation === null) return envelope(-22, 'task not found', null);
  const videoUrl = options.videoUrlOf(originOf(options, request), generation);
  return envelope(0, 'success', legacyTask(generation, options.generations.stateOf(generation), videoUrl));
}

/** Beyond Grsai's forms: what became of the submission with a token. */
async function lookUp(options: HandlerOptions, request: IncomingMessage): Promise<Reply> {
  const body = await readJson(request);
  if (!isAuthorized(options.apiKey, request)) return BAD_KEY;
  const token = typeof body === 'object' && body !== null && 'token' in body ? body.token : null;
  if (typeof token !== 'string' || token === '') return envelope(-1, 'invalid params: token', null);
  const found = await options.generations.lookUp(token);
  return envelope(0, 'success', { status: found.kind, ...(found.kind === 'found' ? { id: found.id } : {}) });
}

/** Beyond Grsai's forms: `/v1/draw/result` for many ids at once; an unknown one has the status `gone`. */
async function pollMany(options: HandlerOptions, request: IncomingMessage): Promise<Reply> {
  const body = await readJson(request);
  if (!isAuthorized(options.apiKey, request)) return BAD_KEY;
  const ids: unknown = typeof body === 'object' && body !== null && 'ids' in body ? body.ids : null;
  if (!Array.isArray(ids) || ids.length > MAX_IDS) return envelope(-1, 'invalid params: ids', null);
  const origin = originOf(options, request);
  const tasks = ids.map((id: unknown) => {
    const generation = typeof id === 'string' ? options.generations.find(id) : null;
    if (generation === null) return { id, status: 'gone' };
    return legacyTask(generation, options.generations.stateOf(generation), options.videoUrlOf(origin, generation));
  });
  return envelope(0, 'success', { tasks });
}

function pollUnified(options: HandlerOptions, request: IncomingMessage, id: string): Reply {
  if (!isAuthorized(options.apiKey, request)) return { kind: 'empty' };
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

/** By the name under which the caller reached us, so that links work behind a mapped port too. */
function originOf({ own }: HandlerOptions, request: IncomingMessage): string {
  const named = `http://${request.headers.host ?? ''}`;
  return URL.canParse(named) ? new URL(named).origin : own.url;
}
