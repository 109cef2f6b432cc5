/** The entry point that bin/rushes.js loads: the program on the real machine. */
import { runCli } from './cli.ts';
import { systemContext } from './system-context.ts';

void runCli(process.argv.slice(2), systemContext()).then((exitCode) => {
  process.exitCode = exitCode;
});
