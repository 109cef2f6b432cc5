import { createHash } from 'node:crypto';

/** Names that Windows reserves for devices, with any extension. */
const DEVICE_NAME = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;
const NAME_MAX_CHARACTERS = 160;
const INDEX_DIGITS = 5;

/** The parts of a task that its file name is made from. */
export interface NamedTask {
  readonly index: number;
  readonly custom_id: string | null;
}

function percent(character: string): string {
  return Array.from(
    new TextEncoder().encode(character),
    (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
  ).join('');
}

/**
 * `custom_id` as a file name that works on every file system and cannot point to another folder. Two ids never give the
 * same name.
 */
function safeName(customId: string): string {
  let name = customId.replace(/[^A-Za-z0-9._-]/gu, percent);
  if (name.startsWith('.') || DEVICE_NAME.test(name)) name = percent(name.charAt(0)) + name.slice(1);
  if (name.length <= NAME_MAX_CHARACTERS) return name;
  const digest = createHash('sha256').update(customId).digest('hex').slice(0, 16);
  return `${name.slice(0, NAME_MAX_CHARACTERS)}~${digest}`;
}

/**
 * The file name of a video: `<custom_id or five-digit index>.mp4`. In a custom_id, every character outside
 * `[A-Za-z0-9._-]` (the colon), a dot at the start and the first letter of a name that Windows reserves become `%` and
 * two hexadecimal digits.
 */
export function videoFileName(task: NamedTask): string {
  const stem = task.custom_id === null ? String(task.index).padStart(INDEX_DIGITS, '0') : safeName(task.custom_id);
  return `${stem}.mp4`;
}

/**
 * A file name for every task of a batch, by index. When two names would be the same, also on a file system that ignores
 * case, the later ones get `~<index>` before the extension.
 */
export function assignFileNames(tasks: readonly NamedTask[]): Map<number, string> {
  const names = new Map<number, string>();
  const taken = new Set<string>();
  for (const task of tasks) {
    let name = videoFileName(task);
    // A custom_id never has a tilde, so the longer name is always unique.
    if (taken.has(name.toLowerCase())) name = `${name.slice(0, -'.mp4'.length)}~${task.index}.mp4`;
    taken.add(name.toLowerCase());
    names.set(task.index, name);
  }
  return names;
}
