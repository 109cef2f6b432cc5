/** What operators must know at once: a log line with `alert`, and a row of `operator_events` that stays. */
export { listOperatorEvents, type ListedOperatorEvent } from './list.ts';
export { startOperatorNotices, type OperatorNotice, type OperatorNotices } from './notices.ts';
