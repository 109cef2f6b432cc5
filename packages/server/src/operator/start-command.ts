import { startApp, type Role } from '../app.ts';
import { loadConfig } from '../config.ts';
import type { Environment } from '../environment-reader.ts';
import { createLogger } from '../system-ports.ts';
import { UsageError, type Command } from './command.ts';
import { DATA_DIR_FLAG } from './context.ts';

const ROLES: readonly Role[] = ['all', 'api', 'worker'];

export function startCommand(env: Environment, stopSignal: () => AbortSignal): Command {
  return {
    name: 'start',
    summary: 'Runs the server until it is told to stop (SIGINT or SIGTERM), then ends what it began and closes.',
    flags: {
      role: {
        type: 'string',
        value: ROLES.join('|'),
        help: 'api and worker may run apart, any number of each; all by default',
      },
      host: { type: 'string', value: 'HOST', help: 'address to listen on (RUSHES_HOST, 127.0.0.1)' },
      port: { type: 'string', value: 'N', help: 'port to listen on, 0 for any free one (RUSHES_PORT, 4600)' },
      ...DATA_DIR_FLAG,
    },
    async run(parsed, output) {
      const wanted = parsed.text('role') ?? 'all';
      const role = ROLES.find((name) => name === wanted);
      if (role === undefined) throw new UsageError(`--role is one of ${ROLES.join(', ')}, not "${wanted}".`);
      const stop = stopSignal();
      const config = loadConfig(env, {
        host: parsed.text('host'),
        port: parsed.text('port'),
        dataDir: parsed.text('data-dir'),
      });
      const logger = createLogger(config.logLevel);
      const app = await startApp({ config, role, logger });
      output.result(app.url === null ? 'Rushes worker ready' : `Rushes ready at ${app.url}`);
      await new Promise<void>((resolve) => {
        if (stop.aborted) resolve();
        else stop.addEventListener('abort', () => resolve(), { once: true });
      });
      logger.info({}, 'stopping: open requests and calls in the air are finished first');
      await app.stop();
      return 0;
    },
  };
}
