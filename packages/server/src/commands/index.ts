/** The commands of rushes-server. */
export { CATALOGUE, loadCommand } from './catalogue.ts';
export { helpOf, parseCommand, UsageError, type Output } from './command.ts';
export { VERSION } from './version.ts';
