import { accountIds, batchIds, taskIds, type BatchUuid } from '@rushes/contract';
import type { Environment } from '../config/index.ts';
import {
  reportPages,
  upstreamCosts,
  type GenerationFilter,
  type ReportedGeneration,
  type UpstreamCostLine,
} from '../generations/index.ts';
import { UsageError, type CommandBody, type ParsedCommand } from './command.ts';
import { accountUuid, DATA_DIR_FLAG, JSON_FLAG, withContext } from './context.ts';

/** `upstream report`: lists generations (by default only those without a match) and what they cost. */
export function upstreamReportCommand(env: Environment): CommandBody {
  return {
    flags: {
      all: { type: 'boolean', help: 'also list the matched and the late generations' },
      summary: { type: 'boolean', help: 'show only sums, per route, model and match' },
      from: { type: 'string', value: 'TIME', help: 'submissions from this time on, such as 2026-11-01T00:00:00Z' },
      to: { type: 'string', value: 'TIME', help: 'submissions before this time' },
      account: { type: 'string', value: 'ACCT', help: 'only of this account' },
      batch: { type: 'string', value: 'BAT', help: 'only of this batch' },
      ...JSON_FLAG,
      ...DATA_DIR_FLAG,
    },
    run: (parsed, output) => {
      const filter: GenerationFilter = {
        from: readTime(parsed, 'from'),
        to: readTime(parsed, 'to'),
        accountUuid: optional(parsed, 'account', accountUuid),
        batchUuid: optional(parsed, 'batch', batchUuidOf),
        match: null,
      };
      const isJson = parsed.has('json');
      return withContext(env, parsed, async ({ access: { db } }) => {
        if (!parsed.has('summary')) {
          const listed: GenerationFilter = { ...filter, match: parsed.has('all') ? null : 'possible_duplicate' };
          for await (const page of reportPages(db, listed)) {
            for (const generation of page)
              output.result(isJson ? JSON.stringify(toRow(generation)) : toLine(generation));
          }
        }
        const sums = await upstreamCosts(db, filter);
        for (const line of sums) {
          if (!parsed.has('summary')) output.note(describe(line));
          else output.result(isJson ? JSON.stringify(toSum(line)) : describe(line));
        }
        const possible = sums.filter(({ match }) => match === 'possible_duplicate');
        output.note(`${possible.reduce((sum, line) => sum + line.generations, 0)} possibly duplicated.`);
        return 0;
      });
    },
  };
}

/** A time with its zone, or null when the flag was not given. Throws UsageError. */
export function readTime(parsed: ParsedCommand, flag: string): Date | null {
  const text = parsed.text(flag);
  if (text === undefined) return null;
  const isTime = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d))?$/.test(text);
  const time = new Date(isTime ? text : Number.NaN);
  if (Number.isNaN(time.getTime())) {
    throw new UsageError(`--${flag} must be a time such as 2026-11-01 or 2026-11-01T00:00:00Z, not "${text}".`);
  }
  return time;
}

function optional<T>(parsed: ParsedCommand, flag: string, read: (text: string) => T): T | null {
  const text = parsed.text(flag);
  return text === undefined ? null : read(text);
}

function batchUuidOf(id: string): BatchUuid {
  const uuid = batchIds.parse(id);
  if (uuid === null) throw new UsageError(`"${id}" is not a batch id; a batch id begins with bat_.`);
  return uuid;
}

function toRow(generation: ReportedGeneration) {
  return {
    account_id: accountIds.format(generation.accountUuid),
    batch_id: batchIds.format(generation.batchUuid),
    task_id: taskIds.format(generation.batchUuid, generation.taskIndex),
    task_index: generation.taskIndex,
    attempt: generation.attempt,
    route: generation.route,
    model: generation.model,
    upstream_id: generation.upstreamId,
    match: generation.match,
    failed: generation.failed,
    micro_usd: generation.microUsd,
    submitted_at: generation.submittedAt.toISOString(),
  };
}

function toLine(generation: ReportedGeneration): string {
  const row = toRow(generation);
  const cost = row.micro_usd === null ? 'no cost set' : dollars(row.micro_usd);
  const id = row.upstream_id ?? '-';
  return [row.submitted_at, row.match, row.batch_id, row.task_index, row.attempt, row.route ?? '-', id, cost].join(
    '  ',
  );
}

function toSum(line: UpstreamCostLine) {
  const { route, model, match, generations, failed, unpriced, microUsd } = line;
  return { route, model, match, generations, failed, unpriced, micro_usd: microUsd };
}

function describe(line: UpstreamCostLine): string {
  const unpriced = line.unpriced === 0 ? '' : `, ${line.unpriced} without a cost`;
  const counts = `${line.generations} generations (${line.failed} failed${unpriced})`;
  return [line.route ?? '-', line.model, line.match, counts, dollars(line.microUsd)].join('  ');
}

/** Exact, with all six places: micro-dollars are never rounded. */
export function dollars(microUsd: number): string {
  return `$${Math.floor(microUsd / 1_000_000)}.${String(microUsd % 1_000_000).padStart(6, '0')}`;
}
