import type { Config } from '@oclif/core';
import type { RushesCommand } from './base-command.ts';
import type { CliContext } from './context.ts';

/** A command that can be made and asked for its help. */
export type CommandClass = (new (argv: string[], config: Config, context: CliContext) => RushesCommand) &
  typeof RushesCommand;

declare global {
  interface ImportMeta {
    /**
     * The modules of the matching files, by path. vitest provides this function, and tsup.config.ts does the same in
     * the build.
     */
    glob(pattern: string): Record<string, () => Promise<unknown>>;
  }
}

/** Every file below src/commands is a command, or the description of its topic; there is no other list of them. */
const FILES = import.meta.glob('./commands/**/*.ts');
const TOPIC_FILE = /(^|:)topic$/;

/** oclif's id of a file: the words that are typed, with a colon between them. `index.ts` stands for its folder. */
function idOf(path: string): string {
  return path
    .replace(/^\.\/commands\//, '')
    .replace(/(\/index)?\.ts$/, '')
    .replaceAll('/', ':');
}

const MODULES = new Map(Object.entries(FILES).map(([path, load]) => [idOf(path), load]));

/** The ids of all commands. */
export const COMMAND_IDS: readonly string[] = [...MODULES.keys()].filter((id) => !TOPIC_FILE.test(id)).sort();

/** Loads one command, without the modules that only other commands need. */
export async function loadCommand(id: string): Promise<CommandClass> {
  const load = MODULES.get(id);
  if (load === undefined) throw new Error(`The command ${id} has no file.`);
  const { default: command } = (await load()) as { readonly default: CommandClass };
  command.id = id;
  return command;
}

/** The topics, which are the first words of several commands, with their descriptions. */
export async function loadTopics(): Promise<{ readonly name: string; readonly description: string }[]> {
  const names = new Set(COMMAND_IDS.flatMap((id) => (id.includes(':') ? topicsOf(id) : [])));
  return Promise.all([...names].map(async (name) => ({ name, description: await describeTopic(name) })));
}

function topicsOf(id: string): string[] {
  const words = id.split(':');
  return words.slice(1).map((_, at) => words.slice(0, at + 1).join(':'));
}

/** The description in the folder's `topic.ts`, else the names of the commands in the folder. */
async function describeTopic(name: string): Promise<string> {
  const load = MODULES.get(`${name}:topic`);
  if (load !== undefined) return ((await load()) as { readonly default: string }).default;
  const commands = COMMAND_IDS.filter((id) => id.startsWith(`${name}:`)).map((id) => id.slice(name.length + 1));
  return `Commands: ${commands.join(', ')}.`;
}
