import type { Scope } from '@rushes/contract';

/** The scopes that allow a key to change something. A terminated account keeps only keys without these scopes. */
export const WRITE_SCOPES: readonly Scope[] = ['batches:write', 'webhooks:write', 'account:admin'];

export function canWrite(scopes: readonly Scope[]): boolean {
  return scopes.some((scope) => WRITE_SCOPES.includes(scope));
}
