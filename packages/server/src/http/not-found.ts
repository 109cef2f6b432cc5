import { refuse, type Outcome } from '../outcome/index.ts';

type Kind = 'batch' | 'task' | 'webhook endpoint' | 'webhook delivery';

/** The same for an id that is malformed, unknown or another account's: nothing is learnt about other accounts. */
export function notFound(kind: Kind): Outcome<never> {
  return refuse({
    code: 'not_found',
    detail: `This account has no ${kind} with this id. Check the id and the API key.`,
  });
}
