/** The worker: claims tasks, takes each to its end, and settles what came of them. */
export type { WorkerNotice } from './notices.ts';
export type { Route } from './route/route.ts';
export { createTaskStore, type TaskStore } from './store/task-store.ts';
export { startWorker, type Worker } from './worker.ts';
export type { WorkerOptions } from './worker-options.ts';
