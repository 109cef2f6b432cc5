import { parseArgs, type ParseArgsConfig } from 'node:util';
import { ExplainedError } from '../outcome/index.ts';

/** The error for a wrong command line. */
export class UsageError extends ExplainedError {
  override readonly name = 'UsageError';
  override readonly exitCode = 2;
}

/** The error of a command that could not be carried out. */
export class CommandFailure extends ExplainedError {
  override readonly name = 'CommandFailure';
}

/** The output of a command: results to standard output, everything else to standard error. */
export interface Output {
  result(text: string): void;
  note(text: string): void;
}

export type Flags = Readonly<
  Record<string, { readonly type: 'string' | 'boolean'; readonly help: string; readonly value?: string }>
>;

export interface ParsedCommand {
  readonly positionals: readonly string[];
  text(flag: string): string | undefined;
  has(flag: string): boolean;
}

/** A command: its arguments and what it does. */
export interface CommandBody {
  readonly arguments?: readonly string[];
  readonly flags: Flags;
  /** Resolves with the exit code. */
  run(parsed: ParsedCommand, output: Output): Promise<number>;
}

/** Commands by their names, as typed. */
export type CommandBodies = Readonly<Record<string, CommandBody>>;

export interface Command extends CommandBody {
  readonly name: string;
  readonly summary: string;
}

/** Parses the words after a command's name. Throws UsageError. */
export function parseCommand(command: Command, words: readonly string[]): ParsedCommand {
  const options: NonNullable<ParseArgsConfig['options']> = Object.fromEntries(
    Object.entries(command.flags).map(([name, flag]) => [name, { type: flag.type }]),
  );
  const wanted = command.arguments ?? [];
  let parsed: { values: Record<string, unknown>; positionals: string[] };
  try {
    parsed = parseArgs({ args: [...words], options, allowPositionals: wanted.length > 0, strict: true });
  } catch (error) {
    throw new UsageError(
      `${error instanceof Error ? error.message : String(error)} See "rushes-server ${command.name} --help".`,
    );
  }
  if (parsed.positionals.length !== wanted.length) {
    const names = wanted.map((name) => name.toUpperCase()).join(' ');
    throw new UsageError(
      `"rushes-server ${command.name}" must be followed by ${wanted.length === 0 ? 'flags only' : names}.`,
    );
  }
  return {
    positionals: parsed.positionals,
    text(flag) {
      const value = parsed.values[flag];
      return typeof value === 'string' ? value : undefined;
    },
    has: (flag) => parsed.values[flag] === true,
  };
}

export function requireText(parsed: ParsedCommand, flag: string): string {
  const value = parsed.text(flag);
  if (value === undefined || value.trim() === '') throw new UsageError(`--${flag} is required.`);
  return value;
}

/** A whole number of credits, as digits. */
export function requireCredits(parsed: ParsedCommand, flag: string): number {
  const text = requireText(parsed, flag);
  const value = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value) || value === 0) {
    throw new UsageError(`--${flag} must be a whole number of credits from 1 to 9007199254740991, not "${text}".`);
  }
  return value;
}
