/** Every command of rushes-server. */
import type { Environment } from '../config/index.ts';
import { accountCommands } from './account-commands.ts';
import type { Command } from './command.ts';
import { creditCommands } from './credit-commands.ts';
import { databaseCommands } from './database-commands.ts';
import { eventCommands } from './event-commands.ts';
import { keyCommands } from './key-commands.ts';
import { ledgerCommands } from './ledger-commands.ts';
import { startCommand } from './start-command.ts';
import { upstreamCommands } from './upstream-commands.ts';

export { CommandFailure, helpOf, parseCommand, UsageError, type Command, type Output } from './command.ts';

/** `stopSignal` aborts when the operator wants the process to end; only commands that stay call it. */
export function operatorCommands(env: Environment, stopSignal: () => AbortSignal): readonly Command[] {
  return [
    startCommand(env, stopSignal),
    ...databaseCommands(env),
    ...accountCommands(env),
    ...creditCommands(env),
    ...ledgerCommands(env),
    ...eventCommands(env),
    ...keyCommands(env),
    ...upstreamCommands(env, stopSignal),
  ];
}
