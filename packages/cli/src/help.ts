import { stripVTControlCharacters } from 'node:util';
import { Config, Help, type Interfaces } from '@oclif/core';
import pjson from '../package.json' with { type: 'json' };
import { COMMAND_IDS, type CommandClass, loadCommand, loadTopics } from './command-files.ts';
import type { Output } from './output/output.ts';

const PACKAGE = pjson as unknown as Interfaces.PJSON;

/** A folder for oclif to look in. This program has none of the files that oclif looks for. */
const NOWHERE = '/';

/** Words that ask for help instead of for a command. */
const HELP_FLAGS = ['--help', ...pjson.oclif.additionalHelpFlags];

/** Whether the words ask for help. No words at all ask for help too. */
export function asksForHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  const words = end === -1 ? argv : argv.slice(0, end);
  return argv.length === 0 || words.some((word) => HELP_FLAGS.includes(word));
}

/** A configuration without the settings that oclif reads from environment variables and files. */
class PlainConfig extends Config {
  override scopedEnvVar(): undefined {
    return undefined;
  }

  override async loadTheme(): Promise<undefined> {
    return undefined;
  }
}

/** Arguments or flags with their name inside, as oclif's help needs them. */
function named(members: object): object {
  return Object.fromEntries(Object.entries(members).map(([name, member]) => [name, { ...(member as object), name }]));
}

/** What oclif's help needs to know about a command. */
function loadable(command: CommandClass): Interfaces.Plugin['commands'][number] {
  const { id, summary, description, examples, args, flags, baseFlags, strict } = command;
  return {
    id,
    summary,
    description,
    examples,
    args: named(args),
    flags: named({ ...baseFlags, ...flags }),
    strict,
    hidden: false,
    aliases: [],
    hiddenAliases: [],
    load: async () => command,
  } as unknown as Interfaces.Plugin['commands'][number];
}

/** What oclif needs to know about the program to parse the flags of these commands, or to show their help. */
export async function oclifConfig(
  commands: readonly CommandClass[],
  topics: readonly Interfaces.Topic[],
): Promise<Config> {
  const plugin: Interfaces.Plugin = {
    _base: '',
    alias: pjson.name,
    commandIDs: commands.map(({ id }) => id),
    commands: commands.map(loadable),
    commandsDir: undefined,
    findCommand: () => undefined as never,
    hasManifest: false,
    hooks: {},
    isRoot: true,
    load: async () => undefined,
    moduleType: 'commonjs',
    name: pjson.name,
    options: { root: NOWHERE },
    pjson: PACKAGE,
    root: NOWHERE,
    topics: [...topics],
    type: 'core',
    valid: true,
    version: pjson.version,
  };
  const config = new PlainConfig({ root: NOWHERE, plugins: new Map([[plugin.name, plugin]]) });
  await config.load();
  return config;
}

/** Collects the help page instead of writing it. */
class HelpPage extends Help {
  readonly text: string[] = [];

  protected override log(...lines: string[]): void {
    this.text.push(...lines);
  }
}

/** oclif's id of the command or topic that the words name. Words after the first flag do not count. */
function subjectOf(words: readonly string[]): string {
  const firstFlag = words.findIndex((word) => word.startsWith('-'));
  return (firstFlag === -1 ? words : words.slice(0, firstFlag)).join(':');
}

/** The commands that a help page shows: the named command and those below it, else the first level. */
function shownIds(subject: string): readonly string[] {
  const below = COMMAND_IDS.filter((id) => id === subject || id.startsWith(`${subject}:`));
  if (below.length > 0) return below;
  // Words after a command are its arguments.
  return COMMAND_IDS.filter((id) => !id.includes(':') || subject.startsWith(`${id}:`));
}

/** Shows the help of the program, or of the topic or command that the words name. */
export async function showHelp(words: readonly string[], output: Output): Promise<void> {
  const subject = subjectOf(words);
  const commands = await Promise.all(shownIds(subject).map(loadCommand));
  // oclif takes a name for a topic only when it knows something below it, shown or not.
  const topics = await loadTopics();
  const below = COMMAND_IDS.filter((id) => !topics.some(({ name }) => name === id));
  const config = await oclifConfig(commands, [...topics, ...below.map((name) => ({ name, hidden: true }))]);
  const page = new HelpPage(config);
  const command = config.findCommand(subject);
  if (command === undefined) await page.showHelp([...words]);
  // By its id, because oclif takes a lone "help" for the question itself.
  else await page.showCommandHelp(command);
  await output.lines(output.isPainted ? page.text : page.text.map((text) => stripVTControlCharacters(text)));
}
