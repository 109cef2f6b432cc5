import { once } from 'node:events';
import path from 'node:path';
import { loadConfig } from '../config/index.ts';
import type { Environment } from '../config/index.ts';
import { createHttpClient } from '../outbound/index.ts';
import { createLogger, systemClock } from '../system/index.ts';
import { startSimulator } from '../upstreams/index.ts';
import { UsageError, type CommandBodies } from './command.ts';
import { DATA_DIR_FLAG } from './context.ts';
import { upstreamCostCommands } from './upstream-cost-commands.ts';
import { upstreamReportCommand } from './upstream-report-command.ts';

export function upstreamCommands(env: Environment, stopSignal: () => AbortSignal): CommandBodies {
  return {
    simulator: {
      flags: {
        port: {
          type: 'string',
          value: 'N',
          help: 'port on 127.0.0.1; the default is RUSHES_SIMULATOR_PORT, else any free port',
        },
        ...DATA_DIR_FLAG,
      },
      run: async (parsed, output) => {
        const config = loadConfig(env, { dataDir: parsed.text('data-dir') });
        const stop = stopSignal();
        const http = createHttpClient();
        const simulator = await startSimulator({
          dataDir: path.join(config.dataDir, 'stand-alone-simulator'),
          seed: String(config.simulator.seed),
          latencyMs: config.simulator.latencyMs,
          failureRate: config.simulator.failureRate,
          http,
          clock: systemClock,
          logger: createLogger(config.logLevel),
          port: readPort(parsed.text('port')) ?? config.simulator.port ?? 0,
        });
        output.result(`Rushes simulator ready at ${simulator.url}`);
        if (!stop.aborted) await once(stop, 'abort');
        await simulator.close();
        await http.close();
        return 0;
      },
    },
    'upstream report': upstreamReportCommand(env),
    ...upstreamCostCommands(env),
  };
}

const MAX_PORT = 65_535;

function readPort(text: string | undefined): number | null {
  if (text === undefined) return null;
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= MAX_PORT)) throw new UsageError(`--port must be a number from 0 to ${MAX_PORT}, not "${text}".`);
  return port;
}
