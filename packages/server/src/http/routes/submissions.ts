import {
  batchSchema,
  createBatchRequestSchema,
  estimateRequestSchema,
  estimateSchema,
  ITEM_LIMITS,
  submissionFields,
} from '@rushes/contract';
import { z } from 'zod';
import type { Caller } from '../../accounts/index.ts';
import { parseSubmission, SUBMISSION_MEDIA_TYPES, type Submission } from '../../batches/index.ts';
import type { Outcome } from '../../outcome/index.ts';
import type { HttpDeps } from '../deps.ts';
import { json, type Answer, type Exchange } from '../exchange.ts';
import { batchExample, estimateExample, submissionExample } from '../examples.ts';
import { SUBMISSION_BODY_MAX_BYTES } from '../limits.ts';
import { refuseMediaType } from '../media-type.ts';
import { parseQueryString } from '../query-string.ts';
import { idempotencyKey } from '../request-id.ts';
import { requireCaller, type BodyContent, type Operation, type Route } from '../route.ts';
import { replaySuccess, success } from '../successes.ts';

const TAG = 'Batches';

const { model, defaults: _defaults, metadata: _metadata, ...settings } = submissionFields;

/** The query parameters beside a CSV or NDJSON body, for the OpenAPI document. The batches room checks them. */
const uploadQuery = z.object({
  model: model.exactOptional(),
  'defaults.<name>': z
    .string()
    .exactOptional()
    .meta({ description: 'A parameter for every item, as `defaults.size=large`.' }),
  'metadata.<key>': z.string().exactOptional().meta({ description: 'Metadata, as `metadata.campaign=may`.' }),
  ...settings,
  ignore_columns: z.boolean().exactOptional().meta({ description: 'CSV only: skip columns with unknown names.' }),
});

function uploads(schema: z.ZodType, example: object): readonly BodyContent[] {
  return [
    { mediaType: 'application/json', schema, example },
    {
      mediaType: 'text/csv',
      schema: 'text',
      example: 'prompt,custom_id,aspect_ratio\r\nA red kite over a grey sea,kite-1,16:9\r\n',
    },
    {
      mediaType: 'application/x-ndjson',
      schema: 'text',
      example: '{"prompt":"A red kite over a grey sea","custom_id":"kite-1"}\n',
    },
  ];
}

async function readSubmission(exchange: Exchange, kind: 'create' | 'estimate'): Promise<Outcome<Submission>> {
  const media = refuseMediaType({ ...exchange, hasBody: true }, SUBMISSION_MEDIA_TYPES);
  if (media !== null) return media;
  const body = await exchange.readBody(SUBMISSION_BODY_MAX_BYTES);
  if (!body.ok) return body;
  const query = parseQueryString(exchange.query);
  if (!query.ok) return query;
  const key = idempotencyKey(exchange);
  if (!key.ok) return key;
  return parseSubmission(
    {
      contentType: exchange.headers['content-type'] ?? null,
      body: body.value,
      query: query.value,
      idempotencyKey: key.value,
    },
    kind,
  );
}

function submissionRoute(
  path: string,
  access: { readonly scope: 'batches:write' | 'batches:read'; readonly writes: boolean },
  operation: Operation,
  answer: (caller: Caller, exchange: Exchange) => Promise<Outcome<Answer>>,
): Route {
  return {
    method: 'post',
    path,
    access: { kind: 'key', counted: true, ...access },
    operation,
    answer: (exchange, caller) => answer(requireCaller(caller), exchange),
  };
}

/** Submitting a batch, and asking what it would cost. */
export function routes({ batches }: HttpDeps): readonly Route[] {
  const upload = 'A CSV or NDJSON body has the items; send all other fields in the query.';
  return [
    submissionRoute(
      '/v1/batches',
      { scope: 'batches:write', writes: true },
      {
        id: 'createBatch',
        tag: TAG,
        summary: 'Create a batch; its credits are reserved before any task runs',
        description: `${upload} The same request_id never creates a second batch. One wrong item refuses the whole batch; at most ${ITEM_LIMITS.reportedErrorsMax} errors are described.`,
        query: z.object({ request_id: createBatchRequestSchema.shape.request_id, ...uploadQuery.shape }),
        body: uploads(createBatchRequestSchema, { request_id: 'spring-campaign-1', ...submissionExample }),
        successes: [
          success(201, 'The new batch, queued.', batchSchema, {
            example: batchExample,
            headers: { Location: 'Path of the batch.' },
          }),
          replaySuccess('The batch that this request_id created before, as it is now.', batchSchema, {
            example: batchExample,
          }),
        ],
        refusals: [
          'invalid_items',
          'invalid_csv',
          'request_id_conflict',
          'price_changed',
          'model_retired',
          'insufficient_credits',
          'spend_limit_exceeded',
          'account_in_debt',
          'account_blocked',
        ],
      },
      async (caller, exchange) => {
        const submission = await readSubmission(exchange, 'create');
        if (!submission.ok) return submission;
        const created = await batches.create(caller, submission.value);
        if (!created.ok) return created;
        const { batch, replayed } = created.value;
        return replayed
          ? json(batch, 200, { 'Idempotent-Replayed': 'true' })
          : json(batch, 201, { Location: `/v1/batches/${batch.id}` });
      },
    ),
    submissionRoute(
      '/v1/batches/estimate',
      { scope: 'batches:read', writes: false },
      {
        id: 'estimateBatch',
        tag: TAG,
        summary: 'Estimate what a batch costs and whether the account can pay for it; reserves nothing',
        description: upload,
        query: uploadQuery,
        body: uploads(estimateRequestSchema, submissionExample),
        successes: [success(200, 'The estimate.', estimateSchema, { example: estimateExample })],
        refusals: ['invalid_items', 'invalid_csv', 'model_retired'],
      },
      async (caller, exchange) => {
        const submission = await readSubmission(exchange, 'estimate');
        if (!submission.ok) return submission;
        const estimate = await batches.estimate(caller, submission.value);
        return estimate.ok ? json(estimate.value) : estimate;
      },
    ),
  ];
}
