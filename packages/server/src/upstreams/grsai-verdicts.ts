/** What Grsai's answers mean for a submission and for a poll. */
import type { HttpResponse } from '../ports.ts';
import {
  describeAnswer,
  namesGeneration,
  parseEnvelope,
  parseJsonObject,
  readErrorText,
  readId,
  readProgress,
  readText,
  readVideoUrl,
  readWord,
  type JsonObject,
} from './grsai-answers.ts';
import { classifyMessage, ourTrouble, plainlyOurTrouble } from './grsai-refusals.ts';
import { operatorDetail } from './operator-detail.ts';
import { withoutEcho } from './prompt-echo.ts';
import { askedPauseMs } from './retry-after.ts';
import type { PollResult, SubmitResult, UpstreamFailure } from './upstream.ts';

/** `code` of an id that Grsai does not know (any more). */
const NO_SUCH_TASK = -22;
/** Told by a server that did not read the request to its end, or by nginx of a sender that it thinks has gone. */
const UNKNOWN_OUTCOME_STATUSES: readonly number[] = [408, 409, 499];
/** The operator's account with Grsai, not the customer's request. */
const OUR_ACCOUNT: readonly number[] = [401, 402, 403];
const NOT_FINISHED_WORDS: readonly string[] = ['running', 'queued', 'pending', 'waiting', 'processing', 'in_progress'];
const SUCCEEDED_WORDS: readonly string[] = ['succeeded', 'success', 'completed', '成功'];
const FAILED_WORDS: readonly string[] = ['failed', 'failure', '失败'];

export interface Verdicts {
  /** `prompt` is what was submitted: an answer that repeats it is not judged by it. */
  ofSubmission(response: HttpResponse, prompt: string): SubmitResult;
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
    const retryAfterMs = askedPauseMs(response.headers['retry-after'], now());
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
    const status = readWord(data, 'status');
    if (SUCCEEDED_WORDS.includes(status)) {
      const videoUrl = readVideoUrl(data);
      // Possibly told before the link is there. It never becomes a success without one: the task's timeout ends it.
      return videoUrl === null ? unavailable('succeeded without a usable URL') : { kind: 'succeeded', videoUrl };
    }
    if (FAILED_WORDS.includes(status)) {
      const error = readText(data, 'error');
      const detail = detailOf(`${readText(data, 'failure_reason')}: ${error}`);
      return { kind: 'failed', failure: { type: failureTypeOf(readWord(data, 'failure_reason'), error), detail } };
    }
    // The newer form's word. It does not say whether prompt or video was rejected, so the customer does not pay for it.
    if (status === 'violation') {
      return { kind: 'failed', failure: { type: 'moderation_output', detail: detailOf(readText(data, 'error')) } };
    }
    if (NOT_FINISHED_WORDS.includes(status)) return { kind: 'running', progress: readProgress(data) };
    return unavailable(`unknown status "${status}"`);
  };

  return {
    ofTask,
    refused,
    unknown,
    unavailable,

    ofSubmission(response, prompt) {
      const { status } = response;
      const told = describeAnswer(response);
      if (status >= 500 || status === 303 || UNKNOWN_OUTCOME_STATUSES.includes(status)) return unknown(told);
      if (status === 429) return refused('provider_rate_limited', told, response);
      if (OUR_ACCOUNT.includes(status)) return refused('provider_unavailable', told, response);
      if (status >= 300 && status < 400) return refused('provider_unavailable', `${told} (is the base URL right?)`);

      const envelope = parseEnvelope(response.body);
      if (envelope === null) {
        // Not the API's own words but a gateway's, which say nothing about the customer's prompt.
        const answer = parseJsonObject(response.body);
        const ours = answer === null ? null : ourTrouble(withoutEcho(readErrorText(answer), prompt));
        if (answer !== null && ours !== null && !namesGeneration(answer)) return refused(ours, told, response);
        if (status < 400) return unknown(told);
        return refused(status === 404 ? 'provider_unavailable' : 'provider_error', told, response);
      }
      const upstreamId = readId(envelope.data);
      if (status < 400 && envelope.code === 0) {
        return upstreamId === null ? unknown(told) : { kind: 'accepted', upstreamId };
      }
      if (upstreamId !== null) return unknown(`an error that names a generation: ${told}`);
      const words = withoutEcho(envelope.message, prompt);
      const type = classifyMessage(words, status < 400 ? 'provider_error' : 'invalid_request');
      return type === null ? unknown(told) : refused(type, told, response);
    },

    ofPoll(upstreamId, response) {
      const envelope = parseEnvelope(response.body);
      if (envelope?.code === NO_SUCH_TASK && response.status < 500)
        return { kind: 'gone', detail: detailOf(describeAnswer(response)) };
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

function failureTypeOf(reason: string, error: string): UpstreamFailure['type'] {
  if (reason === 'input_moderation') return 'moderation_input';
  if (reason === 'output_moderation') return 'moderation_output';
  return plainlyOurTrouble(error) ?? 'provider_error';
}
