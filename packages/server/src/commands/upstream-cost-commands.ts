import { MODELS } from '@rushes/contract';
import type { Environment } from '../config/index.ts';
import { listUpstreamCosts, setUpstreamCost } from '../generations/index.ts';
import { requireText, UsageError, type CommandBodies, type ParsedCommand } from './command.ts';
import { DATA_DIR_FLAG, JSON_FLAG, withContext } from './context.ts';
import { dollars, readTime } from './upstream-report-command.ts';

/** What a generation costs at an upstream: `upstream costs` and `upstream set-cost`. */
export function upstreamCostCommands(env: Environment): CommandBodies {
  return {
    'upstream costs': {
      flags: { ...JSON_FLAG, ...DATA_DIR_FLAG },
      run: (parsed, output) =>
        withContext(env, parsed, async ({ access: { db } }) => {
          const costs = (await listUpstreamCosts(db)).map((cost) => ({
            route: cost.route,
            model: cost.model,
            micro_usd: cost.microUsd,
            failed_micro_usd: cost.failedMicroUsd,
            valid_from: cost.validFrom.toISOString(),
          }));
          if (parsed.has('json')) {
            output.result(JSON.stringify({ data: costs }));
            return 0;
          }
          for (const cost of costs) {
            const failed = `${dollars(cost.failed_micro_usd)} when failed`;
            output.result([cost.valid_from, cost.route, cost.model, dollars(cost.micro_usd), failed].join('  '));
          }
          if (costs.length === 0)
            output.note('There are no costs yet. To set one, see "rushes-server upstream set-cost --help".');
          return 0;
        }),
    },
    'upstream set-cost': {
      flags: {
        route: { type: 'string', value: 'ROUTE', help: 'name of the upstream, such as grsai' },
        model: { type: 'string', value: 'MODEL', help: MODELS.map(({ id }) => id).join(', ') },
        'micro-usd': { type: 'string', value: 'N', help: 'millionths of a US dollar for one generation' },
        'failed-micro-usd': {
          type: 'string',
          value: 'N',
          help: 'millionths of a US dollar for a generation that the upstream reports as failed; the default is 0',
        },
        from: { type: 'string', value: 'TIME', help: 'valid from this time on; the default is now' },
        ...DATA_DIR_FLAG,
      },
      run: (parsed, output) => {
        const model = requireText(parsed, 'model');
        if (!MODELS.some(({ id }) => id === model)) {
          throw new UsageError(
            `There is no model "${model}". The models are ${MODELS.map(({ id }) => id).join(', ')}.`,
          );
        }
        const route = requireText(parsed, 'route');
        const microUsd = readMicroUsd(parsed, 'micro-usd');
        if (microUsd === null) throw new UsageError('--micro-usd is required.');
        const failedMicroUsd = readMicroUsd(parsed, 'failed-micro-usd') ?? 0;
        const validFrom = readTime(parsed, 'from');
        return withContext(env, parsed, async ({ access: { db } }) => {
          await setUpstreamCost(db, { route, model, microUsd, failedMicroUsd, validFrom });
          output.note(`A generation of ${model} at ${route} costs ${dollars(microUsd)}.`);
          return 0;
        });
      },
    },
  };
}

/** The largest accepted cost: a higher one is probably a typing error. */
const MAX_MICRO_USD = 1_000_000_000;

function readMicroUsd(parsed: ParsedCommand, flag: string): number | null {
  const text = parsed.text(flag);
  if (text === undefined) return null;
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= MAX_MICRO_USD)) {
    throw new UsageError(`--${flag} must be a whole number from 0 to ${MAX_MICRO_USD}, not "${text}".`);
  }
  return value;
}
