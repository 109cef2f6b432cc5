export const SCOPES = ['batches:write', 'batches:read', 'ledger:read', 'webhooks:write', 'account:admin'] as const;

export type Scope = (typeof SCOPES)[number];
