export { createGrsai, type GrsaiOptions } from './grsai.ts';
export { RETRY_POLICY, type RetryRule } from './retry-policy.ts';
export { startSimulator, type Simulator, type SimulatorOptions } from './simulator/simulator.ts';
export type {
  Callback,
  Generation,
  PollResult,
  SubmitResult,
  Upstream,
  UpstreamCapabilities,
  UpstreamFailure,
} from './upstream.ts';
