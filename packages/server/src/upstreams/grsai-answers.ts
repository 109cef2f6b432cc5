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
  if (answer === null || typeof answer['code'] !== 'number') return null;
  const message = answer['msg'];
  return {
    code: answer['code'],
    message: typeof message === 'string' ? message : '',
    data: asObject(answer['data']),
  };
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
