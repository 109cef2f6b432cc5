/** What customers were charged against what upstreams made and cost. */
export { Reconciler, type Period, type Reconciliation } from './reconcile.ts';
