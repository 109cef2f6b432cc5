import type { UpstreamAdapter } from './adapter.ts';
import { grsai } from './grsai.ts';

/** Every upstream API that a server can use. A model goes to the first of them that is configured and has it. */
export const ADAPTERS: readonly UpstreamAdapter[] = [grsai];
