import { z } from 'zod';
import { RESOLUTIONS, type NEGOTIABLE_FAILURES } from '../facts/failures.ts';
import { words } from './schema-parts.ts';

const DESCRIPTIONS: Readonly<Record<(typeof NEGOTIABLE_FAILURES)[number], string>> = {
  moderation_input: 'Content moderation rejected the prompt or image.',
  moderation_output: 'Content moderation rejected the generated video.',
  canceled:
    'The batch was canceled while the task was queued. A task that already runs is charged or refunded by its outcome.',
};

const resolutionOf = (failure: (typeof NEGOTIABLE_FAILURES)[number]) =>
  words(RESOLUTIONS).meta({ description: DESCRIPTIONS[failure] });

/** What happens to the credits of a task that fails for one of these reasons. */
export const termsSchema = z
  .object({
    moderation_input: resolutionOf('moderation_input'),
    moderation_output: resolutionOf('moderation_output'),
    canceled: resolutionOf('canceled'),
  })
  .meta({ id: 'Terms', description: 'What happens to the credits of a task that ends for one of these reasons.' });
