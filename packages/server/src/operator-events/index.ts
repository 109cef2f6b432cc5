/** What operators must know at once: a log line with `alert`, and a row of `operator_events` that stays. */
export { listOperatorEvents, type ListedOperatorEvent } from './list.ts';
export { startOperatorNotices, type OperatorNotices } from './notices.ts';
export { alertOperator, recordOperatorEvent, tellOperator, type OperatorNotice } from './record.ts';
