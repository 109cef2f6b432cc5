/** The worker: claims tasks, takes each to its end, and settles what came of them. */
export type { WorkerNotice } from './notices.ts';
export type { Route } from './route/route.ts';
export { startWorker } from './worker.ts';
