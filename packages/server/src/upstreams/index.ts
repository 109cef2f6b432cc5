export type { UpstreamAdapter } from './adapter.ts';
export { grsai } from './grsai.ts';
export { ADAPTERS } from './registry.ts';
export { RETRY_POLICY, type RetryRule } from './retry-policy.ts';
export { createSimulatorUpstream } from './simulator/simulator-upstream.ts';
export { startSimulator, type Simulator, type SimulatorOptions } from './simulator/simulator.ts';
export type {
  Callback,
  Generation,
  LookUpResult,
  PollResult,
  SubmitResult,
  Upstream,
  UpstreamFailure,
} from './upstream.ts';
