/** The commands of rushes-server. */
export { CATALOGUE, loadCommand } from './catalogue.ts';
export { parseCommand, UsageError, type Output } from './command.ts';
export { helpOf, overviewOf } from './help.ts';
export { VERSION } from './version.ts';
