import { taskIds, type LinkAction, type VideoLink, type AccountUuid } from '@rushes/contract';
import type { LinkSigner } from '../videos/index.ts';

/** The signed link to the video of a task. Its expiry is the token's: whole seconds. */
export function videoLink(
  signer: LinkSigner,
  publicUrl: string,
  link: { accountUuid: AccountUuid; taskId: string; action: LinkAction; expiresAt: Date },
): VideoLink {
  const task = taskIds.parse(link.taskId);
  if (task === null) throw new Error('a task of ours has no id of ours');
  const expiresAt = new Date(Math.floor(link.expiresAt.getTime() / 1_000) * 1_000);
  const { accountUuid, action } = link;
  const token = signer.sign({ accountUuid, ...task, action, expiresAt });
  return {
    url: `${publicUrl}/v/${token}${action === 'embed' ? '/embed' : ''}`,
    expires_at: expiresAt.toISOString(),
  };
}
