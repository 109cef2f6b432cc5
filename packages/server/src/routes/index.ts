/** Which upstream serves which account, and the simulator that test accounts run on. */
export { openSharedSimulator } from './shared-simulator.ts';
export { callbackReaders, modelTimeoutMs, routeFor, upstreamOrigins, upstreamRoutes } from './upstream-routes.ts';
