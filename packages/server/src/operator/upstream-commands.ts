import { once } from 'node:events';
import path from 'node:path';
import { formatId, formatTaskId } from '@rushes/contract';
import { loadConfig } from '../config.ts';
import type { Environment } from '../environment-reader.ts';
import { createHttpClient } from '../outbound-http.ts';
import { createLogger, systemClock } from '../system-ports.ts';
import { startSimulator } from '../upstreams/index.ts';
import { upstreamReport } from '../worker/index.ts';
import { UsageError, type Command } from './command.ts';
import { DATA_DIR_FLAG, JSON_FLAG, withContext } from './context.ts';

export function upstreamCommands(env: Environment, stopSignal: () => AbortSignal): readonly Command[] {
  return [
    {
      name: 'simulator',
      summary: 'Runs the simulated upstream by itself; GRSAI_BASE_URL of a server can point at it.',
      flags: {
        port: { type: 'string', value: 'N', help: 'port on 127.0.0.1 (RUSHES_SIMULATOR_PORT, any free one)' },
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
    {
      name: 'upstream report',
      summary: 'Lists submissions whose fate the upstream never told (possibly duplicated, at your cost).',
      flags: {
        all: { type: 'boolean', help: 'the matched ones too' },
        ...JSON_FLAG,
        ...DATA_DIR_FLAG,
      },
      run: (parsed, output) =>
        withContext(env, parsed, async ({ access: { db } }) => {
          let possible = 0;
          let matched = 0;
          for await (const page of upstreamReport(db, !parsed.has('all'))) {
            for (const submission of page) {
              if (submission.possibleDuplicate) possible += 1;
              else matched += 1;
              const row = {
                account_id: formatId('acct', submission.accountUuid),
                batch_id: formatId('bat', submission.batchUuid),
                task_id: formatTaskId(submission.batchUuid, submission.taskIndex),
                task_index: submission.taskIndex,
                attempt: submission.attempt,
                upstream_id: submission.upstreamId,
                match: submission.possibleDuplicate ? 'possible_duplicate' : 'matched',
                submitted_at: submission.submittedAt.toISOString(),
              };
              if (parsed.has('json')) output.result(JSON.stringify(row));
              else
                output.result(
                  [row.submitted_at, row.match, row.batch_id, row.task_index, row.attempt, row.upstream_id ?? '-'].join(
                    '  ',
                  ),
                );
            }
          }
          output.note(`${possible} possibly duplicated${parsed.has('all') ? `, ${matched} matched` : ''}.`);
          return 0;
        }),
    },
  ];
}

const MAX_PORT = 65_535;

function readPort(text: string | undefined): number | null {
  if (text === undefined) return null;
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= MAX_PORT)) throw new UsageError(`--port is a number from 0 to ${MAX_PORT}, not "${text}".`);
  return port;
}
