import { MODELS, type ModelSpec } from '@rushes/contract';
import { accept, refuse, type Outcome } from '../../outcome/index.ts';
import { decodeBody } from './body-text.ts';
import { checkFields } from './check-fields.ts';
import { checkItems } from './check-items.ts';
import { Problems } from './problems.ts';
import { readCsv } from './read-csv.ts';
import { readJson, readNdjson } from './read-json.ts';
import { readQuery, refuseQuery } from './read-query.ts';
import { hashRequest } from './request-hash.ts';
import type { RawSubmission, Submission } from './submission.ts';

export interface SubmissionRequest {
  /** The header as it came. */
  readonly contentType: string | null;
  readonly body: Uint8Array;
  /** Decoded; a name given twice was refused before. */
  readonly query: ReadonlyMap<string, string>;
  /** The header Idempotency-Key, another place for `request_id`. */
  readonly idempotencyKey?: string | null;
}

export const SUBMISSION_MEDIA_TYPES = ['application/json', 'text/csv', 'application/x-ndjson'] as const;

type MediaType = (typeof SUBMISSION_MEDIA_TYPES)[number];

/**
 * Reads and checks a submission from JSON, CSV or NDJSON, without any I/O. All problems are reported together. An
 * estimate takes the same request; its `request_id` is ignored.
 */
export function parseSubmission(
  request: SubmissionRequest,
  kind: 'create' | 'estimate',
  models: readonly ModelSpec[] = MODELS,
): Outcome<Submission> {
  const type = readContentType(request.contentType);
  if (!type.ok) return type;
  const text = decodeBody(request.body, type.value.charset);
  if (!text.ok) return text;
  const problems = new Problems();
  const mostItems = Math.max(...models.map((model) => model.maxItems));
  const raw = readBody(type.value.mediaType, text.value, request.query, mostItems, problems);
  if (!raw.ok) return raw;

  const withKey = addIdempotencyKey(raw.value.fields, request.idempotencyKey ?? null, problems);
  const fields = checkFields(withKey, kind, models, problems);
  const { model, requestId, defaults: _, ...settings } = fields;
  const items = checkItems(raw.value, model, fields.defaults, problems);
  if (model === null || !problems.none) return refuse(problems.toRefusal());
  const checked = { model, items, ...settings };
  return accept({ ...checked, requestId, requestHash: hashRequest(checked) });
}

function readContentType(header: string | null): Outcome<{ mediaType: MediaType; charset: string | null }> {
  const [essence = '', ...parameters] = (header ?? '').split(';').map((part) => part.trim());
  const mediaType = SUBMISSION_MEDIA_TYPES.find((candidate) => candidate === essence.toLowerCase());
  if (mediaType === undefined) {
    const given =
      header === null
        ? 'The request has no Content-Type.'
        : `The Content-Type ${JSON.stringify(essence)} is not supported.`;
    const detail = `${given} Send ${SUBMISSION_MEDIA_TYPES.join(', ')}.`;
    return refuse({ code: 'unsupported_media_type', detail });
  }
  const charset = parameters.map((part) => /^charset=(?:"([^"]*)"|(.*))$/i.exec(part)).find((match) => match !== null);
  return accept({ mediaType, charset: (charset?.[1] ?? charset?.[2])?.toLowerCase() ?? null });
}

function readBody(
  mediaType: MediaType,
  text: string,
  query: ReadonlyMap<string, string>,
  mostItems: number,
  problems: Problems,
): Outcome<RawSubmission> {
  switch (mediaType) {
    case 'application/json': {
      refuseQuery(query, problems);
      return readJson(text, mostItems, problems);
    }
    case 'application/x-ndjson': {
      const { fields } = readQuery(query, 'ndjson', problems);
      return accept({ fields, ...readNdjson(text, mostItems) });
    }
    case 'text/csv': {
      const { fields, ignoreColumns } = readQuery(query, 'csv', problems);
      return readCsv(text, ignoreColumns, fields, mostItems, problems);
    }
  }
}

function addIdempotencyKey(
  fields: ReadonlyMap<string, unknown>,
  key: string | null,
  problems: Problems,
): ReadonlyMap<string, unknown> {
  if (key === null) return fields;
  const inBody = fields.get('request_id');
  if (inBody !== undefined && inBody !== key) {
    const detail = '`request_id` and the header Idempotency-Key differ. Send one of them, or the same value in both.';
    problems.addToRequest('request_id', 'duplicate', detail);
    return fields;
  }
  return new Map(fields).set('request_id', key);
}
