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
