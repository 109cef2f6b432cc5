import { startApp, type Role } from '../app.ts';
import { loadConfig } from '../config/index.ts';
import type { Environment } from '../config/index.ts';
import { createLogger, systemClock } from '../system/index.ts';
import { UsageError, type CommandBodies } from './command.ts';
import { DATA_DIR_FLAG } from './context.ts';
import { VERSION } from './version.ts';

/**
 * The time limit for stopping as a whole, below the minute that many supervisors allow. Each part of stopping has its
 * own limit too. Work that has not ended by then is continued by another worker, as after a crash.
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
          help: 'api and worker can run as separate processes, any number of each; the default is all',
        },
        host: {
          type: 'string',
          value: 'HOST',
          help: 'address to listen on; the default is RUSHES_HOST, else 127.0.0.1',
        },
        port: {
          type: 'string',
          value: 'N',
          help: 'port to listen on, 0 for any free port; the default is RUSHES_PORT, else 4600',
        },
        ...DATA_DIR_FLAG,
      },
      async run(parsed, output) {
        const wanted = parsed.text('role') ?? 'all';
        const role = ROLES.find((name) => name === wanted);
        if (role === undefined) throw new UsageError(`--role must be one of ${ROLES.join(', ')}, not "${wanted}".`);
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
        logger.info({}, 'stopping: open requests and calls to upstreams are finished first');
        const timer = new AbortController();
        const late = systemClock.sleep(STOP_LIMIT_MS, timer.signal).then(() => 'late' as const);
        const ended = await Promise.race([app.stop(), late.catch(() => undefined)]);
        timer.abort();
        if (ended !== 'late') return 0;
        logger.error(
          { alert: true },
          'some work did not end in time and is cut off; check whether the database answers',
        );
        // Calls that wait for the database would keep the process for minutes.
        process.exit(1);
      },
    },
  };
}
