export { createOutboundAgent } from './agent.ts';
export { checkForeignUrl, createEgressGuard, EgressRefusal, NameLookUpError } from './egress-guard.ts';
export type { EgressGuard } from './egress-guard.ts';
export { createNameResolver } from './name-resolver.ts';
export { createHttpClient } from './http-client.ts';
export { createResultHttp } from './result-http.ts';
export { createGuardedConnector, plainConnector } from './guarded-connector.ts';
