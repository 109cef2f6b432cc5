export type { UpstreamAdapter } from './adapter.ts';
export { grsai } from './grsai.ts';
export { ADAPTERS } from './registry.ts';
export { RETRY_POLICY } from './retry-policy.ts';
export { createSimulatorUpstream } from './simulator/simulator-upstream.ts';
export { startSimulator, type Simulator } from './simulator/simulator.ts';
export type { Generation, LookUpResult, PollResult, SubmitResult, Upstream } from './upstream.ts';
