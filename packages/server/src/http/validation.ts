import type { ItemError, ItemErrorCode } from '@rushes/contract';
import type { z } from 'zod';
import { accept, refuse, type Outcome } from '../outcome/index.ts';

/** Of an enumeration too, whose issue is of another kind. */
function isMissing(issue: z.core.$ZodIssue): boolean {
  return (issue.code === 'invalid_type' || issue.code === 'invalid_value') && issue.input === undefined;
}

function codeOf(issue: z.core.$ZodIssue): ItemErrorCode {
  if (isMissing(issue)) return 'required';
  switch (issue.code) {
    case 'invalid_type':
      return 'wrong_type';
    case 'too_big':
      if (issue.origin === 'string') return 'too_long';
      return issue.origin === 'array' ? 'too_many' : 'out_of_range';
    case 'too_small':
      return issue.origin === 'array' ? 'too_few' : 'out_of_range';
    case 'unrecognized_keys':
      return 'unknown_name';
    case 'invalid_value':
      return 'unknown_value';
    default:
      return 'bad_format';
  }
}

const SHOWN_NAME_CHARACTERS = 64;

function describe(issue: z.core.$ZodIssue, allowed: readonly string[]): ItemError[] {
  const error = (param: string, detail: string): ItemError => ({
    index: null,
    custom_id: null,
    param: param === '' ? null : param,
    code: codeOf(issue),
    detail,
  });
  const path = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const name = key.slice(0, SHOWN_NAME_CHARACTERS);
      const known = allowed.length === 0 ? 'No parameters are allowed.' : `Allowed: ${allowed.join(', ')}.`;
      return error(path === '' ? name : `${path}.${name}`, `${name} is not known here. ${known}`);
    });
  }
  return [
    error(path, isMissing(issue) ? `${path} is missing.` : `${path === '' ? 'The value' : path}: ${issue.message}.`),
  ];
}

/**
 * Parses a query or body with a schema. The refusal has the first wrong parameter as `param` and all of them in `errors`. It does not repeat values.
 *
 * @param allowed names to offer when there is an unknown one
 */
export function validate<S extends z.ZodType>(
  schema: S,
  value: unknown,
  allowed: readonly string[],
): Outcome<z.output<S>> {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return accept(result.data);
  const errors = result.error.issues.flatMap((issue) => describe(issue, allowed));
  const [first] = errors;
  return refuse({
    code: 'invalid_request',
    detail: errors.map((error) => error.detail).join(' '),
    ...(first === undefined || first.param === null ? {} : { param: first.param }),
    errors,
  });
}
