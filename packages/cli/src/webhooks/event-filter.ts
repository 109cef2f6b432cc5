import { EVENT_TYPES } from '@rushes/contract/facts/events';
import { usageError } from '../cli-error.ts';

/** The words of a list with commas in it, given once or several times. */
export function commaList(values: readonly string[]): string[] {
  return values
    .flatMap((value) => value.split(','))
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

/** Whether a type is among `patterns`: exact names, or `batch.*` for all with this beginning. None means every type. */
export function eventFilter(patterns: readonly string[]): (type: string) => boolean {
  for (const pattern of patterns) {
    if (/^[a-z_]+(\.[a-z_]+)*(\.\*)?$/.test(pattern)) continue;
    throw usageError(
      `An event is written as batch.completed or batch.*, not ${JSON.stringify(pattern)}.`,
      `There are: ${EVENT_TYPES.join(', ')}.`,
    );
  }
  return (type) =>
    patterns.length === 0 ||
    patterns.some((pattern) => (pattern.endsWith('.*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern));
}

/** The types that an endpoint is given; `all` is every type. The server knows which there are. */
export function eventTypes(values: readonly string[]): string[] {
  const types = commaList(values);
  if (types.length === 1 && types[0] === 'all') return [];
  if (types.length > 0) return types;
  throw usageError('--events names no event; "all" stands for every type.');
}
