import type { Clock, HttpClient } from '../ports.ts';
import type { Callback, Upstream } from './upstream.ts';

export interface AdapterSettings {
  /** The account's key at the upstream. */
  readonly apiKey: string;
  /** Origin of the API, with or without a trailing slash. */
  readonly baseUrl: string;
  readonly http: HttpClient;
  readonly clock: Pick<Clock, 'now'>;
}

/** One upstream API as an operator configures it. Its page in docs/upstreams/ has the same name. */
export interface UpstreamAdapter {
  /** Name of its route: in the database, in reports and in the addresses that it calls back. Never changed. */
  readonly name: string;
  /** Environment variables of the operator: the key, and another host than the usual one. */
  readonly variables: { readonly apiKey: string; readonly baseUrl: string };
  readonly defaultBaseUrl: string;
  /** What each of our models is called at this upstream; a model that is not named cannot be had there. */
  readonly models: Readonly<Record<string, string>>;
  create(settings: AdapterSettings): Upstream;
  /** Reads what the upstream posts to a callback address; null when it cannot be that. Absent: it never calls back. */
  readonly readCallback?: (body: Uint8Array) => Callback | null;
}
