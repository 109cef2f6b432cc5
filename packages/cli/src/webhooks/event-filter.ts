import { EVENT_TYPES } from '@rushes/contract/facts/events';
import { usageError } from '../cli-error.ts';

/** The words of a comma-separated flag that can be given several times. */
export function commaList(values: readonly string[]): string[] {
  return values
    .flatMap((value) => value.split(','))
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

/**
 * Whether a type is among `patterns`: exact names, or `batch.*` for all types that begin with `batch.`. No pattern
 * means every type.
 */
export function eventFilter(patterns: readonly string[]): (type: string) => boolean {
  for (const pattern of patterns) {
    if (/^[a-z_]+(\.[a-z_]+)*(\.\*)?$/.test(pattern)) continue;
    throw usageError(
      `A type of event looks like batch.completed or batch.*, not ${JSON.stringify(pattern)}.`,
      `There are: ${EVENT_TYPES.join(', ')}.`,
    );
  }
  return (type) =>
    patterns.length === 0 ||
    patterns.some((pattern) => (pattern.endsWith('.*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern));
}

/** The types of events for an endpoint; `all` means every type. The server checks that the types exist. */
export function eventTypes(values: readonly string[]): string[] {
  const types = commaList(values);
  if (types.length === 1 && types[0] === 'all') return [];
  if (types.length > 0) return types;
  throw usageError('--events does not name an event. Use "all" for every type.');
}
