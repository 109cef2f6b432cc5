/** The two forms that Grsai speaks, from the server's side. */
import type { Shape } from './clips.ts';
import { parseDirectives } from './directives.ts';
import type { Generation, State, Submission } from './generations.ts';

/** A submission as read from a request body, or the words with which Grsai refuses it. */
export type ReadSubmission =
  | { readonly kind: 'submission'; readonly submission: Submission }
  | { readonly kind: 'refused'; readonly message: string };

type Fields = Readonly<Record<string, unknown>>;

const MODELS: Readonly<Record<'sora' | 'veo', readonly string[]>> = {
  sora: ['sora-2'],
  veo: ['veo3.1-fast', 'veo3.1-pro'],
};
const MAX_PROMPT_CHARACTERS = 20_000;

/** `POST /v1/video/sora-video` and `POST /v1/video/veo`. */
export function readLegacySubmission(family: 'sora' | 'veo', body: unknown): ReadSubmission {
  const fields = asFields(body);
  if (fields === null) return refused('invalid params: the body is not a JSON object');
  if (family === 'sora') {
    if (!isAbsentOr(fields['duration'], [10, 15])) return refused('invalid params: duration');
    if (!isAbsentOr(fields['size'], ['small', 'large'])) return refused('invalid params: size');
  }
  return readShared(fields, MODELS[family]);
}

/** `POST /v1/api/generate`. */
export function readUnifiedSubmission(body: unknown): ReadSubmission {
  const fields = asFields(body);
  if (fields === null) return refused('invalid params: the body is not a JSON object');
  if (!isAbsentOr(fields['replyType'], ['async'])) return refused('invalid params: replyType must be async here');
  if (fields['images'] !== undefined && !Array.isArray(fields['images'])) return refused('invalid params: images');
  return readShared(fields, [...MODELS.sora, ...MODELS.veo]);
}

/** What both callbacks and `POST /v1/draw/result` tell: `{id, progress, status, failure_reason, error}` and the link. */
export function legacyTask(generation: Generation, state: State, videoUrl: string): Fields {
  const isVeo = MODELS.veo.includes(generation.model);
  const shared = { id: generation.id, progress: 100, status: state.status, failure_reason: '', error: '' };
  switch (state.status) {
    case 'running':
      return { ...shared, progress: state.progress, ...(isVeo ? { url: '' } : { results: [] }) };
    case 'succeeded':
      return {
        ...shared,
        ...(isVeo
          ? { url: videoUrl }
          : { results: [{ url: videoUrl, removeWatermark: true, pid: `s_${generation.id}` }] }),
      };
    case 'failed':
      return { ...shared, failure_reason: state.reason, error: errorText(state.reason) };
  }
}

/** `GET /v1/api/result`: a failed task comes as HTTP 400 with a valid body. */
export function unifiedTask(
  generation: Generation,
  state: State,
  videoUrl: string,
): { readonly httpStatus: number; readonly body: Fields } {
  const { id } = generation;
  switch (state.status) {
    case 'running':
      return { httpStatus: 200, body: { id, status: 'running', progress: state.progress } };
    case 'succeeded':
      return { httpStatus: 200, body: { id, status: 'succeeded', progress: 100, results: [{ url: videoUrl }] } };
    case 'failed': {
      const status = state.reason === 'error' ? 'failed' : 'violation';
      return { httpStatus: 400, body: { id, status, progress: 100, results: [], error: errorText(state.reason) } };
    }
  }
}

function readShared(fields: Fields, models: readonly string[]): ReadSubmission {
  const { model, prompt, aspectRatio, webHook } = fields;
  if (typeof model !== 'string') return refused('invalid params: model');
  if (!models.includes(model)) return refused(`model not found: ${model}`);
  if (typeof prompt !== 'string' || prompt.trim() === '') return refused('invalid params: prompt is required');
  if (prompt.length > MAX_PROMPT_CHARACTERS) return refused('invalid params: prompt is too long');
  if (!isAbsentOr(aspectRatio, ['16:9', '9:16'])) return refused('invalid params: aspectRatio');
  const callbackUrl = readCallbackUrl(webHook);
  if (callbackUrl === undefined) return refused('invalid params: webHook');
  if (parseDirectives(prompt).reject) return refused('invalid params: refused by [sim:reject]');
  const shape: Shape = aspectRatio === '9:16' ? 'portrait' : 'landscape';
  const callback = callbackUrl === null ? null : { url: callbackUrl, withProgress: fields['shutProgress'] !== true };
  return { kind: 'submission', submission: { model, prompt, shape, callback, token: null } };
}

/** Null for "answer at once" (`-1` or absent), undefined for what is neither that nor a URL. */
function readCallbackUrl(webHook: unknown): string | null | undefined {
  if (webHook === undefined || webHook === '' || webHook === '-1') return null;
  if (typeof webHook !== 'string' || !URL.canParse(webHook)) return undefined;
  return /^https?:$/.test(new URL(webHook).protocol) ? webHook : undefined;
}

function errorText(reason: Extract<State, { status: 'failed' }>['reason']): string {
  switch (reason) {
    case 'error':
      return 'generation failed';
    case 'input_moderation':
      return 'the prompt was rejected by moderation';
    case 'output_moderation':
      return 'the video was rejected by moderation';
  }
}

function refused(message: string): ReadSubmission {
  return { kind: 'refused', message };
}

function isAbsentOr(value: unknown, allowed: readonly unknown[]): boolean {
  return value === undefined || allowed.includes(value);
}

function asFields(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
}
