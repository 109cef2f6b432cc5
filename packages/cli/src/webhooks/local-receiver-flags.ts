import { Flags } from '@oclif/core';
import { durationFlag } from '../flags/duration.ts';

/** The default time that a receiver on this machine may take. */
export const RECEIVER_TIMEOUT_MS = 30_000;

/** Flags of the commands that send to a receiver on this machine. */
export const localReceiverFlags = {
  'secret-file': Flags.string({
    summary: 'File with the secret to sign with. It is created when it does not exist.',
    helpValue: 'FILE',
  }),
  timeout: durationFlag({
    summary: "How long to wait for the receiver's answer; the default is 30s. A server waits for 5 seconds.",
  }),
} as const;
