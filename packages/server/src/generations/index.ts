/** Generations at upstreams: which of them served which task, what they cost, and what upstreams call back about them. */
export {
  listUpstreamCosts,
  setUpstreamCost,
  upstreamCosts,
  upstreamCostsOfBatches,
  type BatchUpstreamCost,
  type UpstreamCost,
  type UpstreamCostLine,
} from './costs.ts';
export { EVERYTHING, MATCHES, type GenerationFilter, type Match } from './generation-rows.ts';
export { reportPage, reportPages, type ReportedGeneration, type ReportPage, type ReportPosition } from './report.ts';
export { createAttemptTokens, type AttemptKey, type AttemptTokens } from './attempt-token.ts';
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
