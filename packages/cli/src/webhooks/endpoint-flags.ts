import { Args, Flags } from '@oclif/core';

/** The endpoint that a command is about. */
export const endpointArg = {
  id: Args.string({ description: 'ID of an endpoint, as shown by "rushes webhooks endpoints list".', required: true }),
} as const;

/** The filter of an endpoint, for creating and changing it. */
export const eventsFlag = Flags.string({
  summary: 'Only these types of events, separated by commas; "all" for every type.',
  helpValue: 'TYPES',
  multiple: true,
  multipleNonGreedy: true,
});

/** The file that a secret is written to, instead of stdout. */
export const secretFileFlag = Flags.string({
  summary: 'Write the secret into this new file, which only you can read, instead of showing it.',
  helpValue: 'FILE',
});
