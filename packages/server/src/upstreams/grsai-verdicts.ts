/** What Grsai's answers mean for a submission and for a poll. */
import type { HttpResponse } from '../ports.ts';
import {
  describeAnswer,
  parseEnvelope,
  readId,
  readProgress,
  readText,
  readVideoUrl,
  type JsonObject,
} from './grsai-answers.ts';
import { classifyMessage } from './grsai-refusals.ts';
import { operatorDetail } from './operator-detail.ts';
import { parseRetryAfter } from './retry-after.ts';
import type { PollResult, SubmitResult, UpstreamFailure } from './upstream.ts';

/** `code` of an id that Grsai does not know (any more). */
const NO_SUCH_TASK = -22;
/** Told by a server that did not read the request to its end, or by nginx of a sender that it thinks has gone. */
const DOUBTFUL_CLIENT_ERRORS: readonly number[] = [408, 409, 499];
/** The operator's account with Grsai, not the customer's request. */
const OUR_ACCOUNT: readonly number[] = [401, 402, 403];
const NOT_FINISHED_WORDS: readonly string[] = ['running', 'queued', 'pending', 'waiting', 'processing', 'in_progress'];

export interface Verdicts {
  ofSubmission(response: HttpResponse): SubmitResult;
  ofPoll(upstreamId: string, response: HttpResponse): PollResult;
  /** Of a task's own fields, as a poll or a callback tells them. */
  ofTask(data: JsonObject): PollResult;
  refused(type: UpstreamFailure['type'], text: string): SubmitResult;
  unknown(text: string): SubmitResult;
  unavailable(text: string): PollResult;
}

/** `secrets` never appear in any detail. */
export function createVerdicts(secrets: readonly string[], now: () => Date): Verdicts {
  const detailOf = (text: string): string => operatorDetail(text, secrets);
  const retryAfterOf = (response: HttpResponse): { retryAfterMs?: number } => {
    const retryAfterMs = parseRetryAfter(response.headers['retry-after'], now());
    return retryAfterMs === undefined ? {} : { retryAfterMs };
  };
  const unknown = (text: string): SubmitResult => ({ kind: 'unknown', detail: detailOf(text) });
  const unavailable = (text: string, response?: HttpResponse): PollResult => ({
    kind: 'unavailable',
    detail: detailOf(text),
    ...(response === undefined ? {} : retryAfterOf(response)),
  });
  const refused = (type: UpstreamFailure['type'], text: string, response?: HttpResponse): SubmitResult => ({
    kind: 'refused',
    failure: { type, detail: detailOf(text), ...(response === undefined ? {} : retryAfterOf(response)) },
  });

  const ofTask = (data: JsonObject): PollResult => {
    const status = readText(data, 'status');
    if (status === 'succeeded') {
      const videoUrl = readVideoUrl(data);
      // Possibly told before the link is there. It never becomes a success without one: the task's timeout ends it.
      return videoUrl === null ? unavailable('succeeded without a usable URL') : { kind: 'succeeded', videoUrl };
    }
    if (status === 'failed') {
      const reason = readText(data, 'failure_reason');
      const detail = detailOf(`${reason}: ${readText(data, 'error')}`);
      return { kind: 'failed', failure: { type: failureTypeOf(reason), detail } };
    }
    if (NOT_FINISHED_WORDS.includes(status)) return { kind: 'running', progress: readProgress(data) };
    return unavailable(`unknown status "${status}"`);
  };

  return {
    ofTask,
    refused,
    unknown,
    unavailable,

    ofSubmission(response) {
      const { status } = response;
      const told = describeAnswer(response);
      if (status >= 500 || status === 303 || DOUBTFUL_CLIENT_ERRORS.includes(status)) return unknown(told);
      if (status === 429) return refused('provider_rate_limited', told, response);
      if (OUR_ACCOUNT.includes(status)) return refused('provider_unavailable', told, response);
      if (status >= 300 && status < 400) return refused('provider_unavailable', `${told} (is the base URL right?)`);

      const envelope = parseEnvelope(response.body);
      if (envelope === null) {
        if (status < 400) return unknown(told);
        // Not the API's own words but a gateway's, which say nothing about the customer's prompt.
        return refused(status === 404 ? 'provider_unavailable' : 'provider_error', told, response);
      }
      const upstreamId = readId(envelope.data);
      if (status < 400 && envelope.code === 0) {
        return upstreamId === null ? unknown(told) : { kind: 'accepted', upstreamId };
      }
      if (upstreamId !== null) return unknown(`an error that names a generation: ${told}`);
      const type = classifyMessage(envelope.message, status < 400 ? 'provider_error' : 'invalid_request');
      return type === null ? unknown(told) : refused(type, told, response);
    },

    ofPoll(upstreamId, response) {
      const envelope = parseEnvelope(response.body);
      if (envelope?.code === NO_SUCH_TASK) return { kind: 'gone', detail: detailOf(describeAnswer(response)) };
      if (response.status !== 200 || envelope?.code !== 0 || envelope.data === null) {
        return unavailable(describeAnswer(response), response);
      }
      const answeredId = envelope.data['id'];
      if (answeredId !== undefined && answeredId !== upstreamId) {
        return unavailable(`the answer is about another task: ${describeAnswer(response)}`);
      }
      return ofTask(envelope.data);
    },
  };
}

function failureTypeOf(reason: string): UpstreamFailure['type'] {
  if (reason === 'input_moderation') return 'moderation_input';
  if (reason === 'output_moderation') return 'moderation_output';
  return 'provider_error';
}
