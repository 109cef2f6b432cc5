import { Args } from '@oclif/core';

/** The batch that a command is about. */
export const batchArg = {
  id: Args.string({ description: 'ID of a batch, as shown by "rushes list".', required: true }),
} as const;
