/** The environment of the process, read once, checked, and frozen. */
export { loadConfig, processEnvironment, type Config } from './config.ts';
export type { Environment } from './environment-reader.ts';
export { deriveSecrets, type Secrets } from './secrets.ts';
