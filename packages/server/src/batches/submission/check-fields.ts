import {
  ITEM_LIMITS,
  quoted,
  shortened,
  submissionFields,
  suggestion,
  isLongerThan,
  endpointIds,
  type ModelSpec,
  type TaskParams,
  type EndpointUuid,
} from '@rushes/contract';
import { checkParams, isPlainObject } from './check-params.ts';
import type { Problems } from './problems.ts';
import { characterFault } from './text-rules.ts';

/** Fields of a submission beside `items`. */
export const SUBMISSION_FIELDS: readonly string[] = ['request_id', ...Object.keys(submissionFields)];

export interface CheckedFields {
  readonly requestId: string | null;
  readonly model: ModelSpec | null;
  readonly defaults: TaskParams;
  readonly metadata: Readonly<Record<string, string>>;
  readonly spendLimit: number | null;
  readonly expectedUnitPrice: number | null;
  readonly maxFailureRate: number | null;
  readonly deadlineHours: number;
  readonly webhookEndpointUuid: EndpointUuid | null;
}

type Fields = ReadonlyMap<string, unknown>;

/** Checks all fields except the items and reports every problem. */
export function checkFields(
  fields: Fields,
  kind: 'create' | 'estimate',
  models: readonly ModelSpec[],
  problems: Problems,
): CheckedFields {
  const names = SUBMISSION_FIELDS;
  for (const name of fields.keys()) {
    if (names.includes(name)) continue;
    const detail = (): string => `This request has no field ${quoted(name)}.${suggestion(name, [...names, 'items'])}`;
    problems.addToRequest(shortened(name), 'unknown_name', detail);
  }
  const model = checkModel(fields.get('model'), models, problems);
  return {
    requestId: kind === 'create' ? checkRequestId(fields.get('request_id'), problems) : null,
    model,
    defaults: checkParams(fields.get('defaults'), model, (name, code, detail) => {
      problems.addToRequest(name === '' ? 'defaults' : `defaults.${shortened(name)}`, code, detail);
    }),
    metadata: checkMetadata(fields.get('metadata'), problems),
    spendLimit: checkCredits('spend_limit', fields, problems),
    expectedUnitPrice: checkCredits('expected_unit_price', fields, problems),
    maxFailureRate: checkNumber('max_failure_rate', fields, 0, 1, problems),
    deadlineHours:
      checkNumber('deadline_hours', fields, 1, ITEM_LIMITS.deadlineHoursMax, problems) ??
      ITEM_LIMITS.deadlineHoursDefault,
    webhookEndpointUuid: checkEndpoint(fields.get('webhook_endpoint_id'), problems),
  };
}

function checkRequestId(value: unknown, problems: Problems): string | null {
  if (value === undefined) {
    const detail =
      'A batch needs a `request_id` (or the header Idempotency-Key), so that a retry never creates a second batch.';
    problems.addToRequest('request_id', 'required', detail);
    return null;
  }
  if (typeof value === 'string' && ITEM_LIMITS.requestIdPattern.test(value)) return value;
  const detail = '`request_id` must be a string of 1 to 255 printable ASCII characters.';
  problems.addToRequest('request_id', typeof value === 'string' ? 'bad_format' : 'wrong_type', detail);
  return null;
}

function checkModel(value: unknown, models: readonly ModelSpec[], problems: Problems): ModelSpec | null {
  const names = models.map((model) => model.id);
  const known = `The models are ${names.join(', ')}.`;
  if (value === undefined) {
    problems.addToRequest('model', 'required', `\`model\` is missing. ${known}`);
    return null;
  }
  if (typeof value !== 'string') {
    problems.addToRequest('model', 'wrong_type', `\`model\` must be a string. ${known}`);
    return null;
  }
  const model = models.find((candidate) => candidate.id === value);
  if (model !== undefined) return model;
  const detail = `There is no model ${quoted(value)}.${suggestion(value, names)} ${known}`;
  problems.addToRequest('model', 'unknown_value', detail);
  return null;
}

function checkMetadata(value: unknown, problems: Problems): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  if (!isPlainObject(value)) {
    problems.addToRequest('metadata', 'wrong_type', '`metadata` must be an object whose values are strings.');
    return {};
  }
  const entries = Object.entries(value);
  if (entries.length > ITEM_LIMITS.metadataMaxKeys) {
    const detail = `\`metadata\` has ${entries.length} keys; at most ${ITEM_LIMITS.metadataMaxKeys} are allowed.`;
    problems.addToRequest('metadata', 'too_many', detail);
    return {};
  }
  const sound = entries.filter((entry): entry is [string, string] => checkMetadataEntry(...entry, problems));
  sound.sort(([one], [other]) => (one < other ? -1 : 1));
  // Defines its keys, so that "__proto__" is a key like any other.
  return Object.fromEntries(sound);
}

function checkMetadataEntry(key: string, value: unknown, problems: Problems): boolean {
  const param = `metadata.${shortened(key)}`;
  const name = `The metadata key ${quoted(key)}`;
  if (key === '') problems.addToRequest(param, 'blank', 'A metadata key must not be empty.');
  else if (isLongerThan(key, ITEM_LIMITS.metadataKeyMaxLength)) {
    const detail = `${name} is longer than ${ITEM_LIMITS.metadataKeyMaxLength} characters.`;
    problems.addToRequest(param, 'too_long', detail);
  } else if (typeof value !== 'string')
    problems.addToRequest(param, 'wrong_type', `${name} must have a string as its value.`);
  else if (isLongerThan(value, ITEM_LIMITS.metadataValueMaxLength)) {
    const detail = `${name} has a value of more than ${ITEM_LIMITS.metadataValueMaxLength} characters.`;
    problems.addToRequest(param, 'too_long', detail);
  } else {
    const fault = characterFault(key) ?? characterFault(value);
    if (fault === null) return true;
    problems.addToRequest(param, fault.code, `${name} or its value cannot be stored. ${fault.detail}`);
  }
  return false;
}

function checkCredits(name: 'spend_limit' | 'expected_unit_price', fields: Fields, problems: Problems): number | null {
  const value = fields.get(name);
  if (value === undefined) return null;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  const wrongType = typeof value !== 'number';
  const detail = `\`${name}\` must be a whole number of credits from 0 to ${Number.MAX_SAFE_INTEGER}.`;
  problems.addToRequest(name, wrongType ? 'wrong_type' : 'out_of_range', detail);
  return null;
}

function checkNumber(
  name: 'max_failure_rate' | 'deadline_hours',
  fields: Fields,
  least: number,
  most: number,
  problems: Problems,
): number | null {
  const value = fields.get(name);
  if (value === undefined) return null;
  if (typeof value === 'number' && value >= least && value <= most) return value;
  const detail = `\`${name}\` must be a number from ${least} to ${most}.`;
  problems.addToRequest(name, typeof value === 'number' ? 'out_of_range' : 'wrong_type', detail);
  return null;
}

function checkEndpoint(value: unknown, problems: Problems): EndpointUuid | null {
  if (value === undefined) return null;
  const uuid = typeof value === 'string' ? endpointIds.parse(value) : null;
  if (uuid === null) {
    const detail = '`webhook_endpoint_id` must be the id of one of your webhook endpoints, whe_….';
    problems.addToRequest('webhook_endpoint_id', typeof value === 'string' ? 'bad_format' : 'wrong_type', detail);
  }
  return uuid;
}
