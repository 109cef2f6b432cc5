import { HttpFailure } from '../ports.ts';
import type { Clock, HttpClient, HttpResponse } from '../ports.ts';
import { asObject, parseJsonObject, readId, type JsonObject } from './grsai-answers.ts';
import { createVerdicts, type Verdicts } from './grsai-verdicts.ts';
import type { UpstreamAdapter } from './adapter.ts';
import type { Callback, Generation, Upstream } from './upstream.ts';

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
  /** Headers of a submission beside the usual ones. */
  readonly submissionHeaders?: (generation: Generation) => Readonly<Record<string, string>>;
}

/** A submission cut short is a quarantine, so it is given more patience than a poll, which is simply repeated. */
const SUBMIT_TIMEOUT_MS = 60_000;
const POLL_TIMEOUT_MS = 15_000;
/** Real answers are below 2 kB. */
const MAX_ANSWER_BYTES = 1_048_576;
const RESULT_LIFETIME_MS = 2 * 3_600_000;

/**
 * Grsai's legacy form: `POST /v1/video/sora-video` or `/v1/video/veo`, then `POST /v1/draw/result`. It knows no
 * idempotency key, no cancel and no look-up; a callback URL that carries the token stands in for the last.
 */
export function createGrsai(options: GrsaiOptions): Upstream {
  const { name, apiKey, http, clock } = options;
  const baseUrl = options.baseUrl.replace(/\/+$/, '');
  const verdicts = createVerdicts([apiKey], () => clock.now());
  const post = (
    path: string,
    body: JsonObject,
    timeoutMs: number,
    signal?: AbortSignal,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<HttpResponse> =>
    http.request({
      method: 'POST',
      url: baseUrl + path,
      headers: {
        authorization: `Bearer ${apiKey}`,
        'content-type': 'application/json',
        accept: 'application/json',
        ...headers,
      },
      body: JSON.stringify(body),
      timeoutMs,
      maxResponseBytes: MAX_ANSWER_BYTES,
      ...(signal === undefined ? {} : { signal }),
    });

  return {
    name,
    resultLifetimeMs: RESULT_LIFETIME_MS,

    async submit(generation, signal) {
      const request = submissionOf(generation);
      if (request === null) {
        return verdicts.refused('model_retired', `Grsai has no endpoint for the model "${generation.model}"`);
      }
      try {
        const timeoutMs = options.submitTimeoutMs ?? SUBMIT_TIMEOUT_MS;
        const headers = options.submissionHeaders?.(generation) ?? {};
        const answer = await post(request.path, request.body, timeoutMs, signal, headers);
        return verdicts.ofSubmission(answer, generation.prompt);
      } catch (error) {
        if (!(error instanceof HttpFailure)) throw error;
        return error.kind === 'not_sent'
          ? verdicts.refused('provider_unavailable', error.message)
          : verdicts.unknown(error.message);
      }
    },

    async poll(upstreamId, signal) {
      try {
        const timeoutMs = options.pollTimeoutMs ?? POLL_TIMEOUT_MS;
        return verdicts.ofPoll(upstreamId, await post('/v1/draw/result', { id: upstreamId }, timeoutMs, signal));
      } catch (error) {
        if (!(error instanceof HttpFailure)) throw error;
        return verdicts.unavailable(error.message);
      }
    },

    parseCallback: (body) => parseCallback(verdicts, body),
  };
}

/** Reads what Grsai posted to a callback URL; needs no key, since nothing of it is believed. */
function readGrsaiCallback(body: Uint8Array): Callback | null {
  return parseCallback(
    createVerdicts([], () => new Date(0)),
    body,
  );
}

function parseCallback(verdicts: Verdicts, body: Uint8Array): Callback | null {
  const posted = parseJsonObject(body);
  // Seen bare and inside the envelope.
  const data = posted === null ? null : (asObject(posted['data']) ?? posted);
  const upstreamId = readId(data);
  return data === null || upstreamId === null ? null : { upstreamId, result: verdicts.ofTask(data) };
}

function submissionOf(generation: Generation): { readonly path: string; readonly body: JsonObject } | null {
  const { model, prompt, params } = generation;
  const { callbackUrl } = generation;
  // With progress a callback comes early: that is how the id of a submission without an answer is learned in time.
  const shared = { model, prompt, webHook: callbackUrl ?? '-1', shutProgress: callbackUrl === undefined };
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

export const grsai: UpstreamAdapter = {
  name: 'grsai',
  variables: { apiKey: 'GRSAI_API_KEY', baseUrl: 'GRSAI_BASE_URL' },
  defaultBaseUrl: 'https://grsaiapi.com',
  models: { 'sora-2': 'sora-2', 'veo-pro': 'veo3.1-pro' },
  create: (settings) => createGrsai({ name: 'grsai', ...settings }),
  readCallback: readGrsaiCallback,
};
