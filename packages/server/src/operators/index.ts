export { issue, reverse, revoke, setTerms, unblock } from './account-actions.ts';
export type { AdminContext, Done, Justified } from './account-actions.ts';
export { authenticateOperator, createOperatorKey, disableOperatorKey } from './operator-keys.ts';
/** What operators must know at once: a log line with `alert`, and a row of `operator_events` that stays. */
export { listOperatorEvents } from './list-events.ts';
export { startOperatorNotices } from './notices.ts';
export { alertOperator, recordOperatorEvent, tellOperator, type OperatorNotice } from './record-event.ts';
