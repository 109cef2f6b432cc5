import { refuse, type Outcome } from '../outcome/index.ts';

/**
 * The same for an id that is malformed, unknown or another account's: nothing is learnt about other accounts.
 *
 * @param noun what the route is about, for instance `webhook endpoint`
 */
export function notFound(noun: string): Outcome<never> {
  return refuse({
    code: 'not_found',
    detail: `This account has no ${noun} with this id. Check the id and the API key.`,
  });
}
