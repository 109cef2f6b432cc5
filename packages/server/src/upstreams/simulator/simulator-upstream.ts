import { HttpFailure, type HttpClient, type HttpResponse } from '../../ports.ts';
import { createGrsai, type GrsaiOptions } from '../grsai.ts';
import { asObject, describeAnswer, parseEnvelope, readId, readText, type JsonObject } from '../grsai-answers.ts';
import { createVerdicts, type Verdicts } from '../grsai-verdicts.ts';
import { askedPauseMs } from '../retry-after.ts';
import type { LookUpResult, PollResult, Upstream } from '../upstream.ts';
import { MAX_IDS, TOKEN_HEADER } from './handler.ts';

const TIMEOUT_MS = 15_000;
const MAX_ANSWER_BYTES = 1_048_576;

/**
 * Grsai's adapter and what only the simulator can beyond Grsai's forms: to find a submission by its token, and to answer for
 * many generations at once.
 */
export function createSimulatorUpstream(options: GrsaiOptions): Upstream {
  const { apiKey, clock, http } = options;
  const baseUrl = options.baseUrl.replace(/\/+$/, '');
  const verdicts = createVerdicts([apiKey], () => clock.now());
  const grsai = createGrsai({
    ...options,
    submissionHeaders: ({ token }) => ({ [TOKEN_HEADER]: token }),
  });
  const timeoutMs = options.pollTimeoutMs ?? TIMEOUT_MS;
  const ask = (path: string, body: JsonObject, signal?: AbortSignal): Promise<HttpResponse> =>
    post(http, { url: baseUrl + path, apiKey, body, timeoutMs, ...(signal === undefined ? {} : { signal }) });

  return {
    ...grsai,

    async lookUp(token, signal) {
      try {
        const response = await ask('/_sim/lookup', { token }, signal);
        return lookUpOf(verdicts, response, clock.now());
      } catch (error) {
        if (!(error instanceof HttpFailure)) throw error;
        return cannotTell(verdicts, error.message);
      }
    },

    async pollMany(upstreamIds, signal) {
      const results: PollResult[] = [];
      for (let at = 0; at < upstreamIds.length; at += MAX_IDS) {
        const ids = upstreamIds.slice(at, at + MAX_IDS);
        try {
          results.push(...resultsOf(verdicts, ids, await ask('/_sim/results', { ids }, signal), clock.now()));
        } catch (error) {
          if (!(error instanceof HttpFailure)) throw error;
          results.push(...ids.map(() => verdicts.unavailable(error.message)));
        }
      }
      return results;
    },
  };
}

function post(
  http: HttpClient,
  request: {
    readonly url: string;
    readonly apiKey: string;
    readonly body: JsonObject;
    readonly timeoutMs: number;
    readonly signal?: AbortSignal;
  },
): Promise<HttpResponse> {
  const { apiKey, body, ...rest } = request;
  return http.request({
    ...rest,
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify(body),
    maxResponseBytes: MAX_ANSWER_BYTES,
  });
}

function cannotTell(verdicts: Verdicts, text: string, retryAfterMs?: number): LookUpResult {
  const told = verdicts.unavailable(text);
  const detail = told.kind === 'unavailable' ? told.detail : '';
  return { kind: 'cannot_tell', detail, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

function lookUpOf(verdicts: Verdicts, response: HttpResponse, now: Date): LookUpResult {
  const envelope = parseEnvelope(response.body);
  const status = envelope?.data === undefined || envelope.data === null ? '' : readText(envelope.data, 'status');
  const isAnswer = response.status === 200 && envelope?.code === 0;
  // Only the one word said in so many letters lets a submission be sent again as if it had never been.
  if (isAnswer && status === 'not_started') return { kind: 'not_started' };
  const upstreamId = isAnswer && status === 'found' ? readId(envelope.data) : null;
  if (upstreamId !== null) return { kind: 'found', upstreamId };
  return cannotTell(verdicts, describeAnswer(response), askedPauseMs(response.headers['retry-after'], now));
}

function resultsOf(verdicts: Verdicts, ids: readonly string[], response: HttpResponse, now: Date): PollResult[] {
  const envelope = parseEnvelope(response.body);
  const tasks: unknown = response.status === 200 && envelope?.code === 0 ? envelope.data?.['tasks'] : null;
  if (!Array.isArray(tasks)) {
    const unavailable = verdicts.unavailable(describeAnswer(response));
    const retryAfterMs = askedPauseMs(response.headers['retry-after'], now);
    return ids.map(() => ({ ...unavailable, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }));
  }
  // By id, never by place: an answer about another task must not be taken for this one.
  const byId = new Map<string, JsonObject>();
  for (const task of tasks) {
    const data = asObject(task);
    const id = readId(data);
    if (data !== null && id !== null) byId.set(id, data);
  }
  return ids.map((id) => {
    const data = byId.get(id);
    if (data === undefined) return verdicts.unavailable('the answer lacks this task');
    if (data['status'] === 'gone') return { kind: 'gone', detail: 'the simulator does not know the id' };
    return verdicts.ofTask(data);
  });
}
