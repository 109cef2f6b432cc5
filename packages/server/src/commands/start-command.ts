import { startApp, type Role } from '../app.ts';
import { loadConfig } from '../config/index.ts';
import type { Environment } from '../config/index.ts';
import { createLogger, systemClock } from '../system/index.ts';
import { UsageError, type CommandBodies } from './command.ts';
import { DATA_DIR_FLAG } from './context.ts';
import { VERSION } from './version.ts';

/**
 * All that stopping waits for has a limit of its own; this is the one for all of them together, below the minute that many
 * a supervisor grants. What was not ended then is gone on with by another worker, as after a crash.
 */
const STOP_LIMIT_MS = 50_000;

const ROLES: readonly Role[] = ['all', 'api', 'worker'];

export function startCommand(env: Environment, stopSignal: () => AbortSignal): CommandBodies {
  return {
    start: {
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
        const app = await startApp({ config, role, logger, version: VERSION });
        output.result(app.url === null ? 'Rushes worker ready' : `Rushes ready at ${app.url}`);
        await new Promise<void>((resolve) => {
          if (stop.aborted) resolve();
          else stop.addEventListener('abort', () => resolve(), { once: true });
        });
        logger.info({}, 'stopping: open requests and calls in the air are finished first');
        const timer = new AbortController();
        const late = systemClock.sleep(STOP_LIMIT_MS, timer.signal).then(() => 'late' as const);
        const ended = await Promise.race([app.stop(), late.catch(() => undefined)]);
        timer.abort();
        if (ended !== 'late') return 0;
        logger.error({ alert: true }, 'something could not be ended in time and is cut off: is the database silent?');
        // Calls that wait for the database would keep the process for minutes.
        process.exit(1);
      },
    },
  };
}
