/** What tells one run of one process from every other, as far as this system can say. */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { z } from 'zod';

export const identitySchema = z.object({
  pid: z.number().int().positive(),
  hostname: z.string(),
  /** Changes with every boot. Null without Linux's /proc, like the next two. */
  bootId: z.string().nullable(),
  /** In which pids mean the same; containers have their own. */
  pidNamespace: z.string().nullable(),
  /** Clock ticks since boot: tells a pid's user from the one before. */
  startTicks: z.string().nullable(),
});

export type ProcessIdentity = Readonly<z.infer<typeof identitySchema>>;

/** The place a process runs in: pids of two equal places can be compared. */
export type Place = Omit<ProcessIdentity, 'pid' | 'startTicks'>;

export function thisPlace(): Place {
  return {
    hostname: hostname(),
    bootId: readOrNull(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    pidNamespace: readOrNull(() => readlinkSync('/proc/self/ns/pid')),
  };
}

export function thisProcess(): ProcessIdentity {
  return { ...thisPlace(), pid: process.pid, startTicks: startTicks(process.pid) };
}

/** Field 22 of /proc/<pid>/stat (proc_pid_stat(5)); null when there is no such process or no /proc. */
export function startTicks(pid: number): string | null {
  const stat = readOrNull(() => readFileSync(`/proc/${String(pid)}/stat`, 'utf8'));
  // The second field is the program's name in parentheses and may hold spaces and parentheses itself; field 3 follows.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[22 - 3] ?? null;
}

/** 'Z' is a process that ended and whose parent has not asked how. */
export function isZombie(pid: number): boolean {
  const stat = readOrNull(() => readFileSync(`/proc/${String(pid)}/stat`, 'utf8'));
  return stat?.charAt(stat.lastIndexOf(')') + 2) === 'Z';
}

function readOrNull(read: () => string): string | null {
  try {
    return read();
  } catch {
    return null;
  }
}
