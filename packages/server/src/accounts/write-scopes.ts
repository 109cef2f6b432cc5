import type { Scope } from '@rushes/contract';

/** Scopes that let a key change something; a terminated account keeps only keys without any of them. */
export const WRITE_SCOPES: readonly Scope[] = ['batches:write', 'webhooks:write', 'account:admin'];

export function canWrite(scopes: readonly Scope[]): boolean {
  return scopes.some((scope) => WRITE_SCOPES.includes(scope));
}
