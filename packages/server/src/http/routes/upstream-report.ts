import { pageSchema, accountIds, batchIds, taskIds } from '@rushes/contract';
import { z } from 'zod';
import {
  EVERYTHING,
  MATCHES,
  reportPage,
  upstreamCosts,
  type GenerationFilter,
  type ReportedGeneration,
  type ReportPosition,
} from '../../generations/index.ts';
import { accept, refuse, type Outcome } from '../../outcome/index.ts';
import type { HttpDeps } from '../deps.ts';
import { json } from '../exchange.ts';
import { cursorParameter, limitParameter, timeParameter } from '../parameters.ts';
import type { Route } from '../route.ts';
import { success } from '../successes.ts';
import { operatorRead } from './admin.ts';

const TAG = 'Administration';

const match = z.enum(MATCHES).meta({
  description:
    '`matched`: its task has its video. `possible_duplicate`: the upstream may have started it, and its task was or may be sent ' +
    'again. `late`: its task had already ended.',
});
const microUsd = z.int().meta({ description: 'Millionths of a US dollar.' });

const generationSchema = z
  .object({
    account_id: z.string(),
    batch_id: z.string(),
    task_id: z.string(),
    task_index: z.int(),
    attempt: z.int(),
    route: z.string().nullable(),
    model: z.string(),
    upstream_id: z
      .string()
      .nullable()
      .meta({ description: 'Id of the generation at the upstream; null when the upstream never sent it.' }),
    match,
    failed: z.boolean().meta({ description: 'True when the upstream itself reported it as failed.' }),
    micro_usd: microUsd.nullable().meta({ description: 'Millionths of a US dollar; null when no cost was set.' }),
    submitted_at: z.iso.datetime(),
  })
  .meta({ id: 'UpstreamGeneration' });

const sumSchema = z
  .object({
    route: z.string().nullable(),
    model: z.string(),
    match,
    generations: z.int(),
    failed: z.int(),
    unpriced: z.int().meta({ description: 'Number of generations without a known cost; they are not in the sum.' }),
    micro_usd: microUsd,
  })
  .meta({ id: 'UpstreamCostSum' });
const summarySchema = z.object({ data: z.array(sumSchema) }).meta({ id: 'UpstreamCostSummary' });

const filterParameters = {
  from: timeParameter.meta({ description: 'Only submissions from this time on.' }).exactOptional(),
  to: timeParameter.meta({ description: 'Only submissions before this time.' }).exactOptional(),
  account_id: z.string().max(64).meta({ description: 'Only of this account.' }).exactOptional(),
  batch_id: z.string().max(64).meta({ description: 'Only of this batch.' }).exactOptional(),
};
const summaryQuery = z.strictObject(filterParameters);
const listQuery = z.strictObject({
  ...filterParameters,
  match: match.exactOptional(),
  limit: limitParameter,
  cursor: cursorParameter,
});

type FilterParameters = z.output<typeof summaryQuery>;

/** What was generated at upstreams, for whom, and what it cost the operator. */
export function routes({ db }: HttpDeps): readonly Route[] {
  return [
    operatorRead(
      '/admin/v1/upstream-report',
      listQuery,
      {
        id: 'adminListGenerations',
        tag: TAG,
        summary: 'List generations at upstreams, matched to tasks, with their cost',
        description: 'A page can have fewer rows than `limit`, or none, although more rows follow: see `has_more`.',
        successes: [success(200, 'One page, by account, batch, task and attempt.', pageSchema(generationSchema))],
      },
      async (_exchange, query) => {
        const filter = readFilter(query);
        if (!filter.ok) return filter;
        const after = query.cursor === undefined ? null : decodePosition(query.cursor);
        if (query.cursor !== undefined && after === null) {
          const detail = '`cursor` is not from this list. Send the `next_cursor` of the previous page, unchanged.';
          return refuse({ code: 'invalid_request', detail, param: 'cursor' });
        }
        const page = await reportPage(db, { ...filter.value, match: query.match ?? null }, after, query.limit);
        return json({
          data: page.rows.map(toGeneration),
          has_more: page.next !== null,
          next_cursor: page.next === null ? null : encodePosition(page.next),
        });
      },
    ),
    operatorRead(
      '/admin/v1/upstream-report/summary',
      summaryQuery,
      {
        id: 'adminSumGenerations',
        tag: TAG,
        summary: 'Get the cost of generations per upstream, model and match',
        successes: [success(200, 'One line for each combination of route, model and match.', summarySchema)],
      },
      async (_exchange, query) => {
        const filter = readFilter(query);
        if (!filter.ok) return filter;
        const lines = await upstreamCosts(db, filter.value);
        return json({ data: lines.map(({ microUsd: sum, ...line }) => ({ ...line, micro_usd: sum })) });
      },
    ),
  ];
}

function readFilter({ from, to, account_id: account, batch_id: batch }: FilterParameters): Outcome<GenerationFilter> {
  const accountUuid = account === undefined ? null : accountIds.parse(account);
  if (account !== undefined && accountUuid === null) return notAnId('account_id', 'acct_');
  const batchUuid = batch === undefined ? null : batchIds.parse(batch);
  if (batch !== undefined && batchUuid === null) return notAnId('batch_id', 'bat_');
  return accept({ ...EVERYTHING, from: from ?? null, to: to ?? null, accountUuid, batchUuid });
}

function notAnId(param: string, prefix: string): Outcome<never> {
  return refuse({ code: 'invalid_request', detail: `\`${param}\` must be an id that begins with ${prefix}.`, param });
}

function toGeneration(generation: ReportedGeneration): z.output<typeof generationSchema> {
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

function encodePosition([account, batch, index, attempt]: ReportPosition): string {
  return [accountIds.format(account), batchIds.format(batch), index, attempt].join('.');
}

function decodePosition(cursor: string): ReportPosition | null {
  const [account = '', batch = '', index = '', attempt = '', ...more] = cursor.split('.');
  const accountUuid = accountIds.parse(account);
  const batchUuid = batchIds.parse(batch);
  const isNumber = (text: string): boolean => /^\d{1,10}$/.test(text) && Number(text) <= 2_147_483_647;
  if (accountUuid === null || batchUuid === null || !isNumber(index) || !isNumber(attempt) || more.length > 0) {
    return null;
  }
  return [accountUuid, batchUuid, Number(index), Number(attempt)];
}
