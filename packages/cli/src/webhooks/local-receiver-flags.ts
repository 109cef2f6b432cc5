import { Flags } from '@oclif/core';
import { durationFlag } from '../flags/duration.ts';

/** How long a receiver on this machine may take when no flag says otherwise. */
export const RECEIVER_TIMEOUT_MS = 30_000;

/** Flags of the commands that send to a receiver on this machine. */
export const localReceiverFlags = {
  'secret-file': Flags.string({
    summary: 'File with the secret to sign with; it is made when it does not exist.',
    helpValue: 'FILE',
  }),
  timeout: durationFlag({
    summary: 'How long the receiver may take, 30s when left out; a server waits for 5 seconds.',
  }),
} as const;
