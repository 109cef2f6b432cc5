export { issue, reverse, revoke, setTerms, unblock } from './account-actions.ts';
export type { AdminContext, Done, Issue, Justified, ReversalRequest, RevocationRequest } from './account-actions.ts';
export { authenticateOperator, createOperatorKey, disableOperatorKey } from './operator-keys.ts';
export type { CreatedOperatorKey } from './operator-keys.ts';
