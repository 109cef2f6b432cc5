import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { Outcome } from '../outcome/index.ts';

/** One request as a route sees it: nothing of Koa, so that a route is a function from an exchange to an answer. */
export interface Exchange {
  readonly traceId: string;
  /** Path parameters by name, percent-decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** The query string without its `?`, as sent. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  /** Headers that were sent more than once, apart. */
  readonly distinctHeaders: Readonly<Record<string, readonly string[] | undefined>>;
  /** Whether the request announces or streams a body. */
  readonly hasBody: boolean;
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal;
  /** Reads the whole body, or refuses it when it is larger. Throws `ClientGone` when it breaks off. */
  readBody(maxBytes: number): Promise<Outcome<Uint8Array>>;
}

export type AnswerHeaders = Readonly<Record<string, string>>;

export type Answer =
  | { readonly kind: 'json'; readonly status: number; readonly body: object; readonly headers?: AnswerHeaders }
  | {
      readonly kind: 'text';
      readonly status: number;
      readonly contentType: string;
      readonly body: string;
      readonly headers?: AnswerHeaders;
    }
  | { readonly kind: 'empty'; readonly status: 204 | 304; readonly headers?: AnswerHeaders }
  | {
      readonly kind: 'stream';
      readonly status: number;
      readonly contentType: string;
      readonly headers?: AnswerHeaders;
      /** Called for the body alone, so never for HEAD. What it rejects with becomes a problem document. */
      open(): Promise<Readable>;
    };

export function json(body: object, status = 200, headers: AnswerHeaders = {}): Outcome<Answer> {
  return { ok: true, value: { kind: 'json', status, body, headers } };
}

/** The client closed the connection; there is nobody to answer. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}
