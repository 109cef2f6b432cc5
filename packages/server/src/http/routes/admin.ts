import {
  ACCOUNT_MODES,
  ACCOUNT_STATUSES,
  creditsSchema,
  limitFields,
  pageSchema,
  accountIds,
  keyIds,
} from '@rushes/contract';
import { z } from 'zod';
import { findAccount, listAccountsAfter, type AccountSummary } from '../../accounts/index.ts';
import { issue, reverse, revoke, type AdminContext, type Done, type Justified } from '../../operators/index.ts';
import { credits } from '../../ledger/index.ts';
import { accept, refuse, type Outcome } from '../../outcome/index.ts';
import type { HttpDeps } from '../deps.ts';
import { json, type Answer, type Exchange } from '../exchange.ts';
import { parseJsonBody } from '../json-body.ts';
import { SMALL_BODY_MAX_BYTES } from '../limits.ts';
import { refuseMediaType } from '../media-type.ts';
import { cursorParameter, limitParameter } from '../parameters.ts';
import { parseQuery, type Operation, type Operator, type Route } from '../route.ts';
import { replaySuccess, success } from '../successes.ts';
import { validate } from '../validation.ts';

const TAG = 'Administration';
const NOT_AN_ACCOUNT = refuse({ code: 'not_found', detail: 'There is no such account.' });

const accountSchema = z
  .object({
    account_id: z.string(),
    name: z.string(),
    plan: z.string(),
    mode: z.enum(ACCOUNT_MODES),
    status: z.enum(ACCOUNT_STATUSES),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'AdminAccount' });

const accountDetailSchema = accountSchema
  .extend({ terms: z.record(z.string(), z.string()), limits: z.object(limitFields), credits: creditsSchema })
  .meta({ id: 'AdminAccountDetail' });

const movementAnswerSchema = z
  .object({
    account_id: z.string(),
    reference: z.string(),
    /** True when this reference was carried out before, so nothing was done now. */
    replayed: z.boolean(),
    credits: creditsSchema,
  })
  .meta({ id: 'AdminMovement' });

const text = (description: string, max: number) =>
  z.string().max(max).regex(/\S/, { error: 'must not be blank' }).meta({ description });
const amount = z.int().positive();
const justified = {
  reason: text('Reason of this movement. The customer reads it in the ledger.', 500),
  reference: text('Invoice, transfer or ticket. A reference is carried out only once.', 200),
};
const listQuery = z.strictObject({ limit: limitParameter, cursor: cursorParameter });
const issueBody = z.strictObject({ credits: amount, ...justified }).meta({ id: 'AdminIssue' });
const reversalBody = z
  .strictObject({
    seq: amount.meta({ description: 'Number of the charge or forfeit to reverse.' }),
    credits: amount
      .meta({ description: 'How many credits to give back. When left out, all that is left of the entry.' })
      .exactOptional(),
    ...justified,
  })
  .meta({ id: 'AdminReversal' });

function summaryOf(account: AccountSummary): z.output<typeof accountSchema> {
  return {
    account_id: accountIds.format(account.accountUuid),
    name: account.name,
    plan: account.plan,
    mode: account.mode,
    status: account.status,
    created_at: account.createdAt.toISOString(),
  };
}

interface MovementSpec<B extends z.ZodObject> {
  readonly path: string;
  readonly id: string;
  readonly summary: string;
  readonly body: B;
  move(context: AdminContext, common: Justified, body: z.output<B>): Promise<Done>;
}

/**
 * The routes of `/admin/v1`, for operator keys. Every movement needs a reason and a reference, and is recorded with the
 * key.
 */
export function routes(deps: HttpDeps): readonly Route[] {
  return [
    operatorRead(
      '/admin/v1/accounts',
      listQuery,
      {
        id: 'adminListAccounts',
        tag: TAG,
        summary: 'List accounts, oldest first',
        successes: [success(200, 'One page.', pageSchema(accountSchema))],
      },
      async (_exchange, { limit, cursor }) => {
        const after = cursor === undefined ? null : accountIds.parse(cursor);
        if (cursor !== undefined && after === null) {
          const detail = '`cursor` is not from this list. Send the `next_cursor` of the previous page, unchanged.';
          return refuse({ code: 'invalid_request', detail, param: 'cursor' });
        }
        const found = (await listAccountsAfter(deps.db, after, limit + 1)).map(summaryOf);
        const data = found.slice(0, limit);
        const hasMore = found.length > limit;
        return json({ data, has_more: hasMore, next_cursor: hasMore ? (data.at(-1)?.account_id ?? null) : null });
      },
    ),
    operatorRead(
      '/admin/v1/accounts/:account_id',
      z.strictObject({}),
      {
        id: 'adminGetAccount',
        tag: TAG,
        summary: 'Get one account with its terms and credits',
        params: { account_id: 'Id of the account.' },
        successes: [success(200, 'The account.', accountDetailSchema)],
      },
      async ({ params }) => {
        const uuid = accountIds.parse(params['account_id'] ?? '');
        const account = uuid === null ? null : await findAccount(deps.db, uuid);
        if (uuid === null || account === null) return NOT_AN_ACCOUNT;
        return json({
          ...summaryOf(account),
          terms: account.terms,
          limits: account.limits,
          credits: await credits(deps.db, uuid),
        });
      },
    ),
    ...(['grant', 'purchase'] as const).map((kind) =>
      movementRoute(deps, {
        path: `/admin/v1/accounts/:account_id/${kind}s`,
        id: kind === 'grant' ? 'adminGrantCredits' : 'adminBookPurchase',
        summary: kind === 'grant' ? 'Give credits that were not paid for' : 'Book credits that were paid for',
        body: issueBody,
        move: (context, common, body) => issue(context, { ...common, kind, amount: body.credits }),
      }),
    ),
    movementRoute(deps, {
      path: '/admin/v1/accounts/:account_id/reversals',
      id: 'adminReverseEntry',
      summary: 'Reverse a charge or a forfeit, in part or completely',
      body: reversalBody,
      move: (context, common, body) => reverse(context, { ...common, seq: body.seq, amount: body.credits ?? null }),
    }),
    movementRoute(deps, {
      path: '/admin/v1/accounts/:account_id/revocations',
      id: 'adminRevokeCredits',
      summary:
        'Take back credits whose payment was refunded; credits that are not available become a debt of the account',
      body: issueBody,
      move: (context, common, body) => revoke(context, { ...common, amount: body.credits }),
    }),
  ];
}

/** A GET route for holders of an operator key. */
export function operatorRead<Q extends z.ZodObject>(
  path: string,
  query: Q,
  operation: Omit<Operation, 'query' | 'body'>,
  handle: (exchange: Exchange, query: z.output<Q>) => Promise<Outcome<Answer>>,
): Route {
  return {
    method: 'get',
    path,
    access: { kind: 'operator' },
    operation: { ...operation, query, body: [] },
    async answer(exchange) {
      const parsed = parseQuery(query, exchange);
      return parsed.ok ? handle(exchange, parsed.value) : parsed;
    },
  };
}

function contextOf(deps: HttpDeps, operator: Operator | null): AdminContext {
  if (operator === null) throw new Error('an operator route was called without an operator');
  return { db: deps.db, random: deps.random, actor: `key:${keyIds.format(operator.keyUuid)}` };
}

function movementRoute<B extends z.ZodObject>(deps: HttpDeps, spec: MovementSpec<B>): Route {
  return {
    method: 'post',
    path: spec.path,
    access: { kind: 'operator' },
    operation: {
      id: spec.id,
      tag: TAG,
      summary: spec.summary,
      description: '`reference` works like `request_id` in other routes, but it never expires.',
      params: { account_id: 'Id of the account.' },
      query: null,
      body: [{ mediaType: 'application/json', schema: spec.body }],
      successes: [
        success(201, 'It was carried out now.', movementAnswerSchema),
        replaySuccess('It was carried out before, with the same reference.', movementAnswerSchema),
      ],
      refusals: ['request_id_conflict', 'state_conflict'],
    },
    async answer(exchange, _caller, operator) {
      const context = contextOf(deps, operator);
      const accountUuid = accountIds.parse(exchange.params['account_id'] ?? '');
      if (accountUuid === null || (await findAccount(deps.db, accountUuid)) === null) return NOT_AN_ACCOUNT;
      const body = await readBody(exchange, spec.body);
      if (!body.ok) return body;
      const { reason, reference } = z.object({ reason: z.string(), reference: z.string() }).parse(body.value);
      const done = await spec.move(context, { accountUuid, reason, reference }, body.value);
      if (!done.ok) return done;
      const { replayed } = done.value;
      const document = {
        account_id: accountIds.format(accountUuid),
        reference,
        replayed,
        credits: await credits(deps.db, accountUuid),
      };
      return json(document, replayed ? 200 : 201, replayed ? { 'Idempotent-Replayed': 'true' } : {});
    },
  };
}

async function readBody<B extends z.ZodObject>(exchange: Exchange, schema: B): Promise<Outcome<z.output<B>>> {
  const media = refuseMediaType(exchange, ['application/json']);
  if (media !== null) return media;
  const bytes = await exchange.readBody(SMALL_BODY_MAX_BYTES);
  if (!bytes.ok) return bytes;
  const object = parseJsonBody(bytes.value);
  if (!object.ok) return object;
  const body = validate(schema, object.value, Object.keys(schema.shape));
  return body.ok ? accept(body.value) : body;
}
