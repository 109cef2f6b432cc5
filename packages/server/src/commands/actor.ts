import { hostname, userInfo } from 'node:os';

/** Names the person who runs this command, for the record of actions. */
export function commandActor(): string {
  let user: string;
  try {
    user = userInfo().username;
  } catch {
    // A container may run a user id that has no name.
    user = `uid ${String(process.getuid?.() ?? '?')}`;
  }
  return `command:${user}@${hostname()}`;
}
