/** Generations at upstreams: which of them served which task, what they cost, and what upstreams call back about them. */
export { listUpstreamCosts, setUpstreamCost, upstreamCosts, type UpstreamCostLine } from './costs.ts';
export { EVERYTHING, MATCHES, type GenerationFilter } from './generation-rows.ts';
export { reportPage, reportPages, type ReportedGeneration, type ReportPosition } from './report.ts';
export { createAttemptTokens } from './attempt-token.ts';
export {
  createCallbackInbox,
  createCallbackStore,
  type CallbackInbox,
  type CallbackReader,
  type CallbackStore,
  type ConfirmAnswer,
  type Confirmation,
  type TakenCallback,
} from './callbacks.ts';
