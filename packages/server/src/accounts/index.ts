export { changeSettings } from './account-settings.ts';
export { viewAccount } from './account-view.ts';
export {
  createAccount,
  findAccount,
  listAccounts,
  listAccountsAfter,
  lockLimits,
  terminateAccount,
} from './accounts.ts';
export type { AccountSummary } from './accounts.ts';
export { createApiKey, disableApiKey } from './api-keys.ts';
export { authenticate } from './authenticate.ts';
export type { Caller } from './authenticate.ts';
export { purgeIdempotencyKeys, type RequestKey } from './idempotency.ts';
export { runIdempotentPost, type IdempotentPost } from './idempotent-post.ts';
export { createKeyHasher } from './key-hasher.ts';
export type { KeyHasher } from './key-hasher.ts';
