import { Flags } from '@oclif/core';

/** Flags of every list. */
export const listFlags = {
  limit: Flags.integer({ char: 'n', summary: 'Show at most this many.', min: 1, default: 50, exclusive: ['all'] }),
  all: Flags.boolean({ summary: 'Show everything there is.' }),
} as const;

/** The server gives at most this many at a time. */
const PAGE_MAX = 200;

/** How many to show, and how many to ask for at a time. */
export function listSize(flags: { readonly limit: number; readonly all: boolean }): {
  limit: number;
  pageSize: number;
} {
  const limit = flags.all ? Infinity : flags.limit;
  // One more than shown tells whether there is more.
  return { limit, pageSize: Math.min(PAGE_MAX, limit + 1) };
}
