/** How the answer of a call is read. */
import type { APIError } from '../errors.ts';
import { parseJson } from './answer.ts';
import type { AttemptScope } from './attempt-scope.ts';
import { BodyStream } from './body-stream.ts';

/** A successful answer whose body has not been read yet. */
export interface Received {
  readonly response: Response;
  readonly scope: AttemptScope;
  /** Names the call in messages. */
  readonly label: string;
  /** The longest wait for one chunk of a streamed body, in milliseconds. */
  readonly silenceMs: number;
  /** The error for a body that is not from a Rushes server. */
  readonly refuse: (text: string) => APIError;
}

/** Reads a successful answer. Throws an `APIError` for a body that it cannot use. */
export interface Reader<T> {
  /** The content types that it reads, as an Accept header. */
  readonly accept: string;
  /** True when the body is read after the call has resolved. The connection stays open until then. */
  readonly isStream: boolean;
  read(received: Received): Promise<T>;
}

/** One JSON object or list. */
export function json<T>(): Reader<T> {
  return {
    accept: 'application/json',
    isStream: false,
    read: async ({ response, scope, refuse }) => {
      const body = await scope.race(response.text());
      const parsed = parseJson(body);
      if (!parsed.ok || typeof parsed.value !== 'object' || parsed.value === null) throw refuse(body);
      return parsed.value as T;
    },
  };
}

/** Text that `isRight` accepts. */
export function text(isRight: (text: string) => boolean): Reader<string> {
  return {
    accept: 'text/plain',
    isStream: false,
    read: async ({ response, scope, refuse }) => {
      const body = await scope.race(response.text());
      if (!isRight(body)) throw refuse(body);
      return body;
    },
  };
}

/** An answer without a body. */
export const nothing: Reader<undefined> = {
  accept: 'application/json',
  isStream: false,
  read: async ({ response, scope }) => {
    await scope.race(response.text());
    return undefined;
  },
};

function open({ response, scope, label, silenceMs }: Received): BodyStream {
  scope.pause();
  return new BodyStream(response, scope, { label, silenceMs });
}

/** A stream of bytes. There are no more retries after it has begun. */
export const bytes: Reader<BodyStream> = {
  accept: '*/*',
  isStream: true,
  read: (received) => Promise.resolve(open(received)),
};

/** The same as a web stream. */
export const webStream: Reader<ReadableStream<Uint8Array>> = {
  accept: '*/*',
  isStream: true,
  read: (received) => Promise.resolve(open(received).toReadableStream()),
};
