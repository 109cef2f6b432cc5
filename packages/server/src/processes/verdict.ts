/**
 * Is a process that once registered dead for certain? A wrong "dead" takes work away from somebody alive (harmless,
 * since fences refuse what it then writes, but wasteful); a wrong "alive" costs one lease's length. So: when unsure, alive.
 */
import { systemErrorCode } from '../data-directory/index.ts';
import { isZombie, startTicks, type Place, type ProcessIdentity } from './identity.ts';

export function isDead(registered: ProcessIdentity, here: Place): boolean {
  // Another machine or container may share the directory; its pids say nothing here.
  if (registered.hostname !== here.hostname) return false;
  if (registered.bootId !== here.bootId) {
    // This machine was started again since. Without a boot id on one side nothing follows.
    return registered.bootId !== null && here.bootId !== null;
  }
  if (registered.pidNamespace !== here.pidNamespace) return false;
  if (!isAlive(registered.pid)) return true;
  const ticks = startTicks(registered.pid);
  // The pid lives on as somebody else's.
  return registered.startTicks !== null && ticks !== null && registered.startTicks !== ticks;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is there and belongs to another user.
    return systemErrorCode(error) !== 'ESRCH';
  }
  return !isZombie(pid);
}
