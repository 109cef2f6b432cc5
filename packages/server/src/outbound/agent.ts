import { Agent } from 'undici';

/**
 * The connections that everything goes out over: HTTP/1.1, one request at a time on each. HTTP/2 stays off because undici
 * replays streams that a peer refused, and nothing may be sent twice behind the caller's back. Time limits are those of the
 * caller, for a whole exchange; undici's are gaps between bytes.
 */
export function createOutboundAgent(options: Pick<Agent.Options, 'connect' | 'keepAliveTimeout'>): Agent {
  return new Agent({ allowH2: false, pipelining: 1, headersTimeout: 0, bodyTimeout: 0, ...options });
}
