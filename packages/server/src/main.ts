/** Command line of rushes-server. Nothing else reads process.argv. */
import {
  CATALOGUE,
  helpOf,
  loadCommand,
  overviewOf,
  parseCommand,
  UsageError,
  VERSION,
  type Output,
} from './commands/index.ts';
import { ExplainedError } from './outcome/index.ts';

const output: Output = {
  result: (text) => void process.stdout.write(`${text}\n`),
  note: (text) => void process.stderr.write(`${text}\n`),
};

/** Aborts at the first SIGINT or SIGTERM; a second one ends the process as it would have without us. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      controller.abort(new Error(`received ${signal}`));
    });
  }
  return controller.signal;
}

/** Of the terminal; where there is none, what a page usually has. */
const columns = process.stdout.columns ?? 80;

async function main(words: readonly string[]): Promise<number> {
  const [first, second] = words;
  if (first === undefined || first === 'help' || first === '--help' || first === '-h') {
    output.result(overviewOf(CATALOGUE, columns));
    return first === undefined ? 2 : 0;
  }
  if (first === '--version' || first === '-v') {
    output.result(VERSION);
    return 0;
  }
  const entry =
    CATALOGUE.find(({ name }) => name === first) ?? CATALOGUE.find(({ name }) => name === `${first} ${second ?? ''}`);
  if (entry === undefined) {
    const family = CATALOGUE.filter(({ name }) => name.startsWith(`${first} `)).map(({ name }) => name);
    const known = family.length > 0 ? family : CATALOGUE.map(({ name }) => name);
    throw new UsageError(`There is no command "${words.slice(0, 2).join(' ')}". Known: ${known.join(', ')}.`);
  }
  const rest = words.slice(entry.name.split(' ').length);
  const { processEnvironment } = await import('./config/index.ts');
  const command = await loadCommand(entry, processEnvironment(), stopSignal);
  if (rest.includes('--help') || rest.includes('-h')) {
    output.result(helpOf(command, columns));
    return 0;
  }
  return command.run(parseCommand(command, rest), output);
}

/**
 * The message of a failure. An expected failure is one line; any other one is a fault of the program and shows its
 * stack.
 */
async function explain(error: unknown): Promise<{ text: string; code: number }> {
  if (error instanceof ExplainedError) return { text: error.message, code: error.exitCode };
  const { systemErrorCode } = await import('./data-directory/index.ts');
  const { isUnavailable } = await import('./db/index.ts');
  const code = systemErrorCode(error);
  if (code === 'EADDRINUSE' || code === 'EACCES' || code === 'EADDRNOTAVAIL') {
    const why = {
      EADDRINUSE: 'is used by another program',
      EACCES: 'cannot be used by this user',
      EADDRNOTAVAIL: 'is not an address of this machine',
    }[code];
    return {
      text: `${listenAddress(error)} ${why}. Choose another one with --port (0 for any free port) or --host.`,
      code: 1,
    };
  }
  if (isUnavailable(error)) {
    return {
      text: `The database cannot be reached: ${error instanceof Error ? error.message : String(error)}. Check DATABASE_URL.`,
      code: 1,
    };
  }
  return { text: error instanceof Error ? (error.stack ?? error.message) : String(error), code: 1 };
}

function listenAddress(error: unknown): string {
  if (error instanceof Error && 'address' in error && 'port' in error)
    return `${String(error.address)}:${String(error.port)}`;
  return 'The address to listen on';
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const { text, code } = await explain(error);
  output.note(text);
  process.exitCode = code;
}
