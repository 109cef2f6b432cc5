export { findDeadProcesses, forget, registerProcess } from './registry.ts';
