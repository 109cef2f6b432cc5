/** A deterministic simulation: whole histories from a seed, over the real code and a real PostgreSQL. Never shipped. */
export type { HistoryOptions, HistoryReport } from './history.ts';
export { openSimulation, type Simulation } from './open-simulation.ts';
export { GUARDS, missingGuards } from './guards.ts';
export { kindOf } from './history-kind.ts';
