/** Reading Grsai's answers: nothing about their shape is believed before it was checked. */
import type { HttpResponse } from '../ports.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** An answer in Grsai's envelope `{code, msg, data}`. */
export interface Envelope {
  readonly code: number;
  readonly message: string;
  readonly data: JsonObject | null;
}

const MAX_ID_CHARACTERS = 200;
const MAX_URL_CHARACTERS = 4_096;
/** Well past what a detail may hold: secrets are taken out before it is cut, so none may be halved here. */
const EXCERPT_BYTES = 65_536;

export function parseJsonObject(body: Uint8Array): JsonObject | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    return asObject(value);
  } catch {
    return null;
  }
}

export function asObject(value: unknown): JsonObject | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
}

/** Null when the body is not the envelope: empty, HTML, cut off, other JSON. */
export function parseEnvelope(body: Uint8Array): Envelope | null {
  const answer = parseJsonObject(body);
  const code = answer === null ? null : readCode(answer['code']);
  if (answer === null || code === null) return null;
  return { code, message: readErrorText(answer), data: asObject(answer['data']) };
}

function readCode(code: unknown): number | null {
  if (typeof code === 'number') return code;
  return typeof code === 'string' && /^-?\d{1,9}$/.test(code) ? Number(code) : null;
}

/** Where Grsai and what stands before it put the words of an error: `msg`, `message` or `error`, the last also as an object. */
export function readErrorText(answer: JsonObject): string {
  const inner = asObject(answer['error']);
  const candidates = [answer['msg'], answer['message'], answer['error'], inner?.['message'], answer['detail']];
  return candidates.find((text): text is string => typeof text === 'string' && text !== '') ?? '';
}

/** Whether a generation is named anywhere that one has been seen to be. */
export function namesGeneration(answer: JsonObject): boolean {
  return [answer, asObject(answer['data'])].some((part) => {
    const id = part?.['id'] ?? part?.['task_id'];
    return id !== undefined && id !== null && id !== '';
  });
}

/** An id that can be stored and sent back; null for anything else. */
export function readId(data: JsonObject | null): string | null {
  const id = data?.['id'];
  if (typeof id !== 'string' || id === '' || id.length > MAX_ID_CHARACTERS) return null;
  return /^[\x21-\x7e]+$/.test(id) ? id : null;
}

/** The first usable link of `results[].url` (sora) or `url` (veo). */
export function readVideoUrl(data: JsonObject): string | null {
  const results: readonly unknown[] = Array.isArray(data['results']) ? data['results'] : [];
  const candidates = [...results.map((result) => asObject(result)?.['url']), data['url']];
  for (const candidate of candidates) {
    if (typeof candidate === 'string' && isFetchable(candidate)) return candidate;
  }
  return null;
}

export function readProgress(data: JsonObject): number | null {
  const progress = data['progress'];
  if (typeof progress !== 'number' || !Number.isFinite(progress)) return null;
  return Math.min(Math.max(progress, 0), 100);
}

export function readText(data: JsonObject, name: string): string {
  const text = data[name];
  return typeof text === 'string' ? text : '';
}

/** A word of a fixed vocabulary, whatever its case and however its parts are joined: `Input-Moderation ` is `input_moderation`. */
export function readWord(data: JsonObject, name: string): string {
  return readText(data, name)
    .trim()
    .toLowerCase()
    .replace(/[\s-]+/g, '_');
}

/** What the operator sees of an answer that could not be used. */
export function describeAnswer(response: HttpResponse): string {
  if (response.body.length === 0) return `HTTP ${String(response.status)} with an empty body`;
  const excerpt = new TextDecoder().decode(response.body.subarray(0, EXCERPT_BYTES));
  return `HTTP ${String(response.status)}: ${excerpt}`;
}

function isFetchable(url: string): boolean {
  if (url.length > MAX_URL_CHARACTERS || !URL.canParse(url)) return false;
  const { protocol } = new URL(url);
  return protocol === 'https:' || protocol === 'http:';
}
