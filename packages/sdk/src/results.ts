import { ApiPromise } from './api-promise.ts';
import { ConnectionError, InvalidResponseError, TimeoutError } from './errors.ts';
import { parseJsonLines } from './json-lines.ts';
import type { BodyStream } from './transport/body-stream.ts';
import { backoffMs } from './transport/retry-policy.ts';
import type { Answer } from './transport/answer.ts';
import { bytes } from './transport/readers.ts';
import type { RequestOptions, RequestSpec } from './transport/request.ts';
import type { Transport } from './transport/transport.ts';
import type { TaskResult } from './types.ts';

/** Results of a batch. Iterate over it. Await it first if you want an error of the request before the first line. */
export class ResultsPromise extends ApiPromise<AsyncIterable<TaskResult>> implements AsyncIterable<TaskResult> {
  async *[Symbol.asyncIterator](): AsyncGenerator<TaskResult, void, undefined> {
    yield* await this;
  }
}

interface Source {
  readonly transport: Transport;
  readonly spec: RequestSpec<BodyStream>;
  readonly options: RequestOptions;
}

function checkTask(value: unknown, response: Response): TaskResult {
  const isTask =
    typeof value === 'object' && value !== null && 'index' in value && typeof value.index === 'number' && 'id' in value;
  if (isTask) return value as TaskResult;
  const excerpt = JSON.stringify(value);
  throw new InvalidResponseError({ status: response.status, headers: response.headers, problem: null, excerpt });
}

/**
 * Gives every task once, in index order. When the body is cut off, it is requested again and the tasks that came
 * already are skipped. Only attempts in a row without a new task count as retries.
 */
async function* readTasks(source: Source, first: Answer<BodyStream>): AsyncGenerator<TaskResult, void, undefined> {
  const { transport, spec, options } = source;
  const maxRetries = options.maxRetries ?? transport.settings.maxRetries;
  let answer = first;
  let nextIndex = 0;
  for (let retry = 0; ;) {
    try {
      for await (const value of parseJsonLines(answer.data, `${spec.method} ${spec.path}`)) {
        const task = checkTask(value, answer.response);
        if (task.index < nextIndex) continue;
        nextIndex = task.index + 1;
        retry = 0;
        yield task;
      }
      return;
    } catch (error) {
      const broken = error instanceof ConnectionError || error instanceof TimeoutError;
      if (!broken || retry >= maxRetries) throw error;
    }
    await transport.ports.sleep(backoffMs(retry, transport.ports.fraction()), options.signal);
    retry += 1;
    answer = await transport.send(spec, options);
  }
}

/** Opens the stream of results for a request. */
export function streamResults(
  transport: Transport,
  request: RequestSpec<unknown>,
  options: RequestOptions = {},
): ResultsPromise {
  const spec = { ...request, read: bytes };
  const open = async (): Promise<Answer<AsyncIterable<TaskResult>>> => {
    const first = await transport.send(spec, options);
    return { data: readTasks({ transport, spec, options }, first), response: first.response };
  };
  return new ResultsPromise(open());
}
