import { HttpFailure } from '../ports.ts';
import type { Clock, HttpClient, HttpResponse } from '../ports.ts';
import {
  asObject,
  describeAnswer,
  parseEnvelope,
  parseJsonObject,
  readId,
  readProgress,
  readText,
  readVideoUrl,
  type JsonObject,
} from './grsai-answers.ts';
import { classifyMessage } from './grsai-refusals.ts';
import { operatorDetail } from './operator-detail.ts';
import { parseRetryAfter } from './retry-after.ts';
import type { Callback, Generation, PollResult, SubmitResult, Upstream, UpstreamFailure } from './upstream.ts';

export interface GrsaiOptions {
  readonly name: string;
  /** Origin of the API, with or without a trailing slash. */
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly http: HttpClient;
  /** For Retry-After headers that name a date. */
  readonly clock: Pick<Clock, 'now'>;
  readonly submitTimeoutMs?: number;
  readonly pollTimeoutMs?: number;
}

/** A submission cut short is a quarantine, so it is given more patience than a poll, which is simply repeated. */
const SUBMIT_TIMEOUT_MS = 60_000;
const POLL_TIMEOUT_MS = 15_000;
/** Real answers are below 2 kB. */
const MAX_ANSWER_BYTES = 1_048_576;
const RESULT_LIFETIME_MS = 2 * 3_600_000;
/** `code` of an id that Grsai does not know (any more). */
const NO_SUCH_TASK = -22;
/** Told by a request that the server itself did not read to its end, or whose sender it thinks has gone (nginx). */
const DOUBTFUL_CLIENT_ERRORS: readonly number[] = [408, 409, 499];
const NOT_FINISHED_WORDS: readonly string[] = ['running', 'queued', 'pending', 'waiting', 'processing', 'in_progress'];

/**
 * Grsai's legacy form: `POST /v1/video/sora-video` or `/v1/video/veo`, then `POST /v1/draw/result`. It knows no
 * idempotency key, no cancel and no look-up; a callback URL that carries the token stands in for the last.
 */
export function createGrsai(options: GrsaiOptions): Upstream {
  const { name, apiKey, http, clock } = options;
  const baseUrl = options.baseUrl.replace(/\/+$/, '');
  const detailOf = (text: string): string => operatorDetail(text, [apiKey]);
  const retryAfterOf = (response: HttpResponse): { retryAfterMs?: number } => {
    const retryAfterMs = parseRetryAfter(response.headers['retry-after'], clock.now());
    return retryAfterMs === undefined ? {} : { retryAfterMs };
  };
  const post = (path: string, body: JsonObject, timeoutMs: number, signal?: AbortSignal): Promise<HttpResponse> =>
    http.request({
      method: 'POST',
      url: baseUrl + path,
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(body),
      timeoutMs,
      maxResponseBytes: MAX_ANSWER_BYTES,
      ...(signal === undefined ? {} : { signal }),
    });

  const refused = (type: UpstreamFailure['type'], text: string, response?: HttpResponse): SubmitResult => ({
    kind: 'refused',
    failure: { type, detail: detailOf(text), ...(response === undefined ? {} : retryAfterOf(response)) },
  });
  const unknown = (text: string): SubmitResult => ({ kind: 'unknown', detail: detailOf(text) });

  const readSubmission = (response: HttpResponse): SubmitResult => {
    const { status } = response;
    const envelope = parseEnvelope(response.body);
    const told = describeAnswer(response);
    if (status >= 500 || status === 303 || DOUBTFUL_CLIENT_ERRORS.includes(status)) return unknown(told);
    if (status === 429) return refused('provider_rate_limited', told, response);
    if (status === 401 || status === 402 || status === 403) return refused('provider_unavailable', told, response);
    if (status >= 300 && status < 400) return refused('provider_unavailable', `${told} (is the base URL right?)`);
    if (status >= 400) {
      if (envelope !== null) return readRefusal(envelope.message, 'invalid_request', told, response);
      // Without the API's own words it is a gateway that answered, which says nothing about the customer's prompt.
      return refused(status === 404 ? 'provider_unavailable' : 'provider_error', told, response);
    }
    if (envelope === null) return unknown(told);
    const upstreamId = readId(envelope.data);
    if (envelope.code === 0) return upstreamId === null ? unknown(told) : { kind: 'accepted', upstreamId };
    if (upstreamId !== null) return unknown(`an error that names a generation: ${told}`);
    return readRefusal(envelope.message, 'provider_error', told, response);
  };
  const readRefusal = (
    message: string,
    otherwise: UpstreamFailure['type'],
    told: string,
    response: HttpResponse,
  ): SubmitResult => {
    const type = classifyMessage(message, otherwise);
    return type === null ? unknown(told) : refused(type, told, response);
  };

  const readTask = (data: JsonObject): PollResult => {
    const status = data['status'];
    if (status === 'succeeded') {
      const videoUrl = readVideoUrl(data);
      // Possibly told before the link is there. It never becomes a success without one: the task's timeout ends it.
      return videoUrl === null
        ? { kind: 'unavailable', detail: 'succeeded without a usable URL' }
        : { kind: 'succeeded', videoUrl };
    }
    if (status === 'failed') {
      const reason = readText(data, 'failure_reason');
      const type = failureTypeOf(reason);
      return { kind: 'failed', failure: { type, detail: detailOf(`${reason}: ${readText(data, 'error')}`) } };
    }
    if (typeof status === 'string' && NOT_FINISHED_WORDS.includes(status)) {
      return { kind: 'running', progress: readProgress(data) };
    }
    return { kind: 'unavailable', detail: detailOf(`unknown status ${String(JSON.stringify(status))}`) };
  };

  const readPoll = (upstreamId: string, response: HttpResponse): PollResult => {
    const envelope = parseEnvelope(response.body);
    if (envelope?.code === NO_SUCH_TASK) return { kind: 'gone', detail: detailOf(describeAnswer(response)) };
    if (response.status !== 200 || envelope?.code !== 0 || envelope.data === null) {
      return { kind: 'unavailable', detail: detailOf(describeAnswer(response)), ...retryAfterOf(response) };
    }
    const answeredId = envelope.data['id'];
    if (answeredId !== undefined && answeredId !== upstreamId) {
      return { kind: 'unavailable', detail: detailOf(`the answer is about ${String(JSON.stringify(answeredId))}`) };
    }
    return readTask(envelope.data);
  };

  return {
    name,
    capabilities: {
      lookup: false,
      cancel: false,
      pollMany: false,
      callbacks: true,
      resultLifetimeMs: RESULT_LIFETIME_MS,
    },

    async submit(generation, signal) {
      const request = submissionOf(generation);
      if (request === null) {
        return refused('model_retired', `Grsai has no endpoint for the model "${generation.model}"`);
      }
      try {
        const timeoutMs = options.submitTimeoutMs ?? SUBMIT_TIMEOUT_MS;
        return readSubmission(await post(request.path, request.body, timeoutMs, signal));
      } catch (error) {
        if (!(error instanceof HttpFailure)) throw error;
        return error.kind === 'not_sent' ? refused('provider_unavailable', error.message) : unknown(error.message);
      }
    },

    async poll(upstreamId, signal) {
      try {
        const timeoutMs = options.pollTimeoutMs ?? POLL_TIMEOUT_MS;
        return readPoll(upstreamId, await post('/v1/draw/result', { id: upstreamId }, timeoutMs, signal));
      } catch (error) {
        if (!(error instanceof HttpFailure)) throw error;
        return { kind: 'unavailable', detail: detailOf(error.message) };
      }
    },

    parseCallback(body): Callback | null {
      const posted = parseJsonObject(body);
      // Seen bare and inside the envelope.
      const data = posted === null ? null : (asObject(posted['data']) ?? posted);
      const upstreamId = readId(data);
      return data === null || upstreamId === null ? null : { upstreamId, result: readTask(data) };
    },
  };
}

function submissionOf(generation: Generation): { readonly path: string; readonly body: JsonObject } | null {
  const { model, prompt, params } = generation;
  const shared = { model, prompt, webHook: generation.callbackUrl ?? '-1', shutProgress: true };
  // JSON.stringify leaves out what is undefined.
  if (model.startsWith('sora')) {
    return {
      path: '/v1/video/sora-video',
      body: {
        ...shared,
        url: params.image_url,
        aspectRatio: params.aspect_ratio,
        duration: params.duration_seconds,
        size: params.size,
      },
    };
  }
  if (model.startsWith('veo')) {
    return {
      path: '/v1/video/veo',
      body: {
        ...shared,
        firstFrameUrl: params.image_url,
        lastFrameUrl: params.last_image_url,
        aspectRatio: params.aspect_ratio,
      },
    };
  }
  return null;
}

function failureTypeOf(reason: string): UpstreamFailure['type'] {
  if (reason === 'input_moderation') return 'moderation_input';
  if (reason === 'output_moderation') return 'moderation_output';
  return 'provider_error';
}
