export type { ProcessIdentity } from './identity.ts';
export { findDeadProcesses, forget, registerProcess, type DeadProcess, type RegisteredProcess } from './registry.ts';
