import { Args, Flags } from '@oclif/core';

/** The endpoint that a command is about. */
export const endpointArg = {
  id: Args.string({ description: 'Endpoint, as in "rushes webhooks endpoints list".', required: true }),
} as const;

/** The filter of an endpoint, when it is made and when it is changed. */
export const eventsFlag = Flags.string({
  summary: 'Only these types, with commas between them; "all" for every type.',
  helpValue: 'TYPES',
  multiple: true,
  multipleNonGreedy: true,
});

/** Where a secret goes instead of to stdout. */
export const secretFileFlag = Flags.string({
  summary: 'Write the secret into this new file, for its owner alone, instead of showing it.',
  helpValue: 'FILE',
});
